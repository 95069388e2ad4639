import type { Caller, Origin } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { AuditLog } from '../audit/index.js'
import type { Messenger, OneTimeCodes, OneTimeTokens } from '../codes/index.js'
import type { SessionService } from '../sessions/index.js'
import type { UserDocument, UserIdentities, UserService } from '../users/index.js'
import type { OwnPassword } from './own-password.js'
import type { ChangePhone } from './schema.js'
import type { Texts } from './texts.js'

interface Dependencies {
  readonly users: Pick<UserService, 'findByPhone' | 'get'>
  readonly identities: UserIdentities
  readonly ownPassword: OwnPassword
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
    const { users, ownPassword, codes, messenger, texts, audit } = this.#deps
    const { passwordHash } = await users.get(userId)
    if (password !== undefined) await ownPassword.require(userId, password, 'phone.changed', origin)
    else if (passwordHash !== undefined) {
      throw new Problem('validation_failed', undefined, { errors: [{ path: 'body.password', message: 'is needed' }] })
    }
    const actor = { kind: 'user', id: userId } as const
    const right = await codes.check('phone', phone, code)
    if (!right || !(await codes.use(right))) {
      await audit.record({ action: 'phone.changed', outcome: 'refused', actor, origin })
      throw new Problem('invalid_credentials')
    }
    const before = await this.#take(userId, phone, origin)
    await audit.record({ action: before.phone === phone ? 'phone.proved' : 'phone.changed', outcome: 'done', actor, origin })
    if (before.phone !== phone) messenger.sms({ to: before.phone, text: texts.phoneChanged() })
    return users.get(userId)
  }

  /** @returns the user as they were before */
  async #take(userId: string, phone: string, origin: Origin): Promise<UserDocument> {
    const { users, identities } = this.#deps
    for (let attempts = 0; attempts < mostAttempts; attempts++) {
      const before = await identities.movePhone(userId, phone)
      if (before === null) throw new Problem('not_found')
      if (before !== 'taken') return before
      const holder = await users.findByPhone(phone)
      if (holder) await this.#dispossess(holder, userId, origin)
    }
    throw new Problem('conflict', 'Another account has this phone')
  }

  /** @throws Problem conflict where the holder has proved the phone */
  async #dispossess(holder: UserDocument, byUserId: string, origin: Origin): Promise<void> {
    if (holder.phoneVerifiedAt) throw new Problem('conflict', 'Another account has this phone')
    const { identities, tokens, sessions, audit } = this.#deps
    const holderId = holder._id.toHexString()
    await identities.disown(holderId)
    await tokens.forget(['email', 'password_reset'], holderId)
    await sessions.revokeAll(holderId, { reason: 'phone_proved' })
    await identities.losePhone(holderId, holder.phone)
    const [actor, target] = [{ kind: 'user', id: byUserId } as const, { kind: 'user', id: holderId }]
    await audit.record({ action: 'phone.lost', outcome: 'done', actor, target, origin })
  }
}
