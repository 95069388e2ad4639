import type { Caller, Origin } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { OwnCredentials } from '../accounts/index.js'
import type { AuditEntry, AuditLog } from '../audit/index.js'
import { type Messenger, type OneTimeCodes, type OneTimeTokens, opensByPhoneAlone } from '../codes/index.js'
import type { SessionService } from '../sessions/index.js'
import type { UserDocument, UserIdentities, UserService } from '../users/index.js'
import type { ChangePhone } from './schema.js'
import type { Texts } from './texts.js'

interface Dependencies {
  readonly users: Pick<UserService, 'findByPhone' | 'get'>
  readonly identities: UserIdentities
  readonly ownCredentials: Pick<OwnCredentials, 'confirm'>
  readonly sessions: Pick<SessionService, 'revokeAll'>
  readonly codes: OneTimeCodes
  readonly tokens: OneTimeTokens
  readonly messenger: Messenger
  readonly texts: Texts
  readonly audit: AuditLog
}

const mostAttempts = 3

/** Another phone for an account, by a code that was sent to it. */
export class PhoneChange {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Gives the caller the phone, and tells the one before. Who has not proved it loses it, and with it their account.
   * @throws Problem invalid_credentials where the password is wrong, or the code; validation_failed where a password is needed;
   * conflict where another account has proved the phone
   */
  async change({ userId }: Caller, { phone, code, password }: ChangePhone, origin: Origin): Promise<UserDocument> {
    const { users, ownCredentials, codes, messenger, texts, audit } = this.#deps
    const before = await users.get(userId)
    if (password !== undefined) await ownCredentials.confirm(before, password, { action: 'phone.changed', origin })
    else if (before.passwordHash !== undefined) {
      throw new Problem('validation_failed', undefined, { errors: [{ path: 'body.password', message: 'is needed' }] })
    }
    const actor = { kind: before.role ?? 'user', id: userId } as const
    const right = await codes.check('phone', phone, code)
    if (!right || !(await codes.use(right))) {
      await audit.record({ action: 'phone.changed', outcome: 'refused', actor, origin })
      throw new Problem('invalid_credentials')
    }
    const after = await this.#take(before, phone, origin)
    await audit.record({ action: before.phone === phone ? 'phone.proved' : 'phone.changed', outcome: 'done', actor, origin })
    if (before.phone !== phone) messenger.sms({ to: before.phone, text: texts.phoneChanged() })
    return after
  }

  async #take({ _id, role }: UserDocument, phone: string, origin: Origin): Promise<UserDocument> {
    const { users, identities } = this.#deps
    const userId = _id.toHexString()
    for (let attempts = 0; attempts < mostAttempts; attempts++) {
      const after = await identities.movePhone(userId, phone)
      if (after === null) throw new Problem('not_found')
      if (after !== 'taken') return after
      const holder = await users.findByPhone(phone)
      if (holder) await this.#dispossess(holder, { kind: role ?? 'user', id: userId }, origin)
    }
    throw new Problem('conflict', 'Another account has this phone')
  }

  /** @throws Problem conflict where the holder has proved the phone */
  async #dispossess(holder: UserDocument, actor: AuditEntry['actor'], origin: Origin): Promise<void> {
    if (!opensByPhoneAlone(holder)) throw new Problem('conflict', 'Another account has this phone')
    const { identities, tokens, sessions, audit } = this.#deps
    const holderId = holder._id.toHexString()
    await identities.disown(holderId)
    await tokens.forget(['email', 'password_reset'], holderId)
    await sessions.revokeAll(holderId, { reason: 'phone_proved' })
    await identities.losePhone(holderId, holder.phone)
    await audit.record({ action: 'phone.lost', outcome: 'done', actor, target: { kind: 'user', id: holderId }, origin })
  }
}
