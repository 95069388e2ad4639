import type { Caller, Origin } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { OwnCredentials } from '../accounts/index.js'
import type { AuditLog } from '../audit/index.js'
import type { Messenger, OneTimeTokens } from '../codes/index.js'
import type { UserDocument, UserIdentities, UserService } from '../users/index.js'
import type { ChangeEmail } from './schema.js'
import type { Texts } from './texts.js'

interface Dependencies {
  readonly users: Pick<UserService, 'get'>
  readonly identities: UserIdentities
  readonly ownCredentials: Pick<OwnCredentials, 'confirm'>
  readonly tokens: OneTimeTokens
  readonly messenger: Messenger
  readonly texts: Texts
  readonly audit: AuditLog
}

/** A person's e-mail address: theirs once a link that was sent to it has come back. */
export class EmailService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Sends a link to the address; until it comes back the one before stays. Whether somebody else has the address is not told.
   * @throws Problem invalid_credentials where a password was given and is wrong; service_unavailable where this server sends no mail
   */
  async request({ userId }: Caller, { email, password }: ChangeEmail, origin: Origin): Promise<void> {
    const { users, identities, ownCredentials, tokens, messenger, texts } = this.#deps
    messenger.requireMail()
    if (password !== undefined) await ownCredentials.confirm(await users.get(userId), password, { action: 'email.changed', origin })
    await identities.setPendingEmail(userId, email)
    const token = await tokens.issue('email', userId, email)
    messenger.mail({ to: email, ...texts.verifyEmail(token) })
  }

  /** @throws Problem invalid_credentials where the token is not good (any more); conflict where another account has proved the address */
  async verify(token: string, origin: Origin): Promise<void> {
    const { users, identities, tokens, audit } = this.#deps
    const { of: userId, email } = (await tokens.redeem('email', token)) ?? {}
    if (userId === undefined || email === undefined) throw new Problem('invalid_credentials', 'The link is not good any more')
    const before = await users.get(userId)
    const after = await identities.takeEmail(userId, email)
    if (after === null) throw new Problem('invalid_credentials', 'The link is not good any more')
    if (after === 'taken') throw new Problem('conflict', 'Another account has this e-mail address')
    await tokens.forget(['password_reset'], userId) // it was sent to the address before
    await audit.record({ action: 'email.changed', outcome: 'done', actor: { kind: 'user', id: userId }, origin })
    this.#warn(before, email)
  }

  /** Whoever held somebody else's access token for a moment could choose a password by the new address: its owner hears of it elsewhere. */
  #warn(before: UserDocument, email: string): void {
    const { messenger, texts } = this.#deps
    if (before.email === undefined) messenger.sms({ to: before.phone, text: texts.emailAdded() })
    else if (before.email !== email) messenger.mail({ to: before.email, ...texts.emailChanged() })
  }
}
