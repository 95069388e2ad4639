import { createHash } from 'node:crypto'
import type { Origin } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { AccountPasswords } from '../accounts/index.js'
import type { AuditLog } from '../audit/index.js'
import type { Messenger, OneTimeCodes, OneTimeTokens, PhoneProof } from '../codes/index.js'
import type { SessionService } from '../sessions/index.js'
import type { UserDocument, UserService } from '../users/index.js'
import type { ForgotPassword, ResetPassword } from './schema.js'
import type { Texts } from './texts.js'

interface Dependencies {
  readonly users: Pick<UserService, 'findByEmail' | 'findByPhone' | 'get'>
  readonly passwords: AccountPasswords
  readonly sessions: Pick<SessionService, 'revokeAllAround'>
  readonly codes: OneTimeCodes
  readonly tokens: OneTimeTokens
  readonly proof: PhoneProof
  readonly messenger: Messenger
  readonly texts: Texts
  readonly audit: AuditLog
}

/** Where it is in the request. */
const newPassword = 'body.newPassword'

/** Whose password it is to be, and what has to be used up for it. */
interface Right {
  readonly user: UserDocument
  readonly byPhone: boolean
  use(): Promise<boolean>
}

/** A new password for who has forgotten theirs, by a code to the phone or a link to the e-mail address. */
export class PasswordReset {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Does as much where there is no such account as where there is one, but for what is sent. @throws Problem service_unavailable */
  async forgot({ phone, email }: ForgotPassword): Promise<void> {
    if (phone !== undefined) await this.#sendCode(phone)
    if (email !== undefined) await this.#sendLink(email)
  }

  /**
   * Ends every session of the account. What is answered by an error may be done all the same.
   * @throws Problem invalid_credentials where the token or the code is not good (any more); validation_failed where the password breaks a
   * rule, and then the token or the code stays good
   */
  async reset(body: ResetPassword, origin: Origin): Promise<void> {
    const { passwords, proof, sessions, audit } = this.#deps
    passwords.require({ phone: body.phone }, body.newPassword, newPassword) // before a try is counted
    const right = await this.#rightOf(body)
    if (!right) return this.#refuse(origin)
    passwords.require(right.user, body.newPassword, newPassword)
    await passwords.requireNew(right.user, body.newPassword, newPassword)
    if (!(await right.use())) return this.#refuse(origin)
    const user = right.byPhone ? await proof.note(right.user, origin) : right.user
    const userId = user._id.toHexString()
    await sessions.revokeAllAround(userId, { reason: 'password_reset' }, () => passwords.set(user, body.newPassword))
    await audit.record({ action: 'password.reset', outcome: 'done', actor: { kind: user.role ?? 'user', id: userId }, origin })
  }

  async #refuse(origin: Origin): Promise<never> {
    await this.#deps.audit.record({ action: 'password.reset', outcome: 'refused', actor: { kind: 'user' }, origin })
    throw new Problem('invalid_credentials', 'The code or the link is not good any more')
  }

  async #sendCode(phone: string): Promise<void> {
    const { users, codes, messenger, texts } = this.#deps
    messenger.requireSms()
    const user = await users.findByPhone(phone)
    const code = await codes.issue('password_reset', phone)
    if (user) messenger.sms({ to: phone, text: texts.resetBySms(code) })
  }

  async #sendLink(email: string): Promise<void> {
    const { users, tokens, messenger, texts } = this.#deps
    messenger.requireMail()
    const user = await users.findByEmail(email)
    const token = await tokens.issue('password_reset', user?._id.toHexString() ?? nobody(email))
    if (user?.email !== undefined) messenger.mail({ to: user.email, ...texts.resetByMail(token) })
  }

  async #rightOf({ token, phone = '', code = '' }: ResetPassword): Promise<Right | undefined> {
    const { users, codes, tokens } = this.#deps
    if (token !== undefined) {
      const found = await tokens.find('password_reset', token)
      return found && { user: await users.get(found.of), byPhone: false, use: async () => !!(await tokens.redeem('password_reset', token)) }
    }
    const right = await codes.check('password_reset', phone, code)
    const user = right && (await users.findByPhone(phone))
    return user ? { user, byPhone: true, use: () => codes.use(right) } : undefined
  }
}

/** Whose token is sent to nobody: of an address that no account has. */
const nobody = (email: string): string => `nobody:${createHash('sha256').update(email).digest('base64url')}`
