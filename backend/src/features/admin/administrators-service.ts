import type { Model } from 'mongoose'
import { Problem } from '../../http/problem.js'
import type { PasswordPolicy } from '../accounts/index.js'
import type { AuditLog } from '../audit/index.js'
import { opensByPhoneAlone, type PhoneProof } from '../codes/index.js'
import type { SessionService } from '../sessions/index.js'
import { notDeleted, type UserDocument, type UserService } from '../users/index.js'
import type { By } from './by.js'
import { NewAdministrator } from './schema.js'

interface Dependencies {
  readonly users: UserService
  readonly phoneProof: Pick<PhoneProof, 'disown'>
  readonly model: Model<UserDocument>
  readonly sessions: Pick<SessionService, 'revokeAll'>
  readonly audit: Pick<AuditLog, 'record'>
  /** @throws Problem validation_failed for a password that is too weak */
  readonly policy: Pick<PasswordPolicy, 'require'>
  readonly hashPassword: (password: string) => Promise<string>
}

/** What else opens an account: of one that was disowned there is none of it. */
const closed = {
  passwordHash: { $exists: false },
  totp: { $exists: false },
  email: { $exists: false },
  pendingEmail: { $exists: false },
} as const

/** Who administers: made by the operator alone, at the command line. */
export class AdministratorsService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Makes an administrator: of the account that has the phone, whose sessions end; or of a new one. A new account has the password that is given, which must
   * be changed at the first sign-in; so has one whose phone nobody has proved: whoever registered it is let in no more. Another one keeps its own.
   * @throws Problem validation_failed; conflict for who is an administrator already, or is suspended, or where somebody has signed in to an account whose
   * phone nobody had proved, or changed it, meanwhile
   */
  async make(input: NewAdministrator, by: By): Promise<{ user: UserDocument; created: boolean; keptPassword: boolean }> {
    const parsed = NewAdministrator.safeParse(input)
    if (!parsed.success)
      throw new Problem('validation_failed', parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))
    const existing = await this.#deps.users.findByPhone(parsed.data.phone)
    const keptPassword = existing !== null && !opensByPhoneAlone(existing)
    const user = existing ? await this.#promote(existing, parsed.data.password) : await this.#create(parsed.data)
    const target = { kind: 'user', id: user._id.toHexString() }
    await this.#deps.audit.record({
      action: 'user.role_changed',
      outcome: 'done',
      target,
      ...by,
      detail: { role: 'admin', created: !existing, keptPassword },
    })
    return { user, created: !existing, keptPassword }
  }

  async #promote(user: UserDocument, password: string): Promise<UserDocument> {
    if (user.role === 'admin') throw new Problem('conflict', 'They are an administrator already')
    if (user.suspendedAt) throw new Problem('conflict', 'They are suspended: unlock them first')
    if (opensByPhoneAlone(user)) return this.#handOver(user, password)
    await this.#deps.model.updateOne({ _id: user._id }, { $set: { role: 'admin' } })
    await this.#deps.sessions.revokeAll(user._id.toHexString(), { reason: 'role_changed' })
    return { ...user, role: 'admin' }
  }

  /** Closes the account first, and has it administer last: what a crash leaves undone is done when this is asked again. */
  async #handOver(user: UserDocument, password: string): Promise<UserDocument> {
    const { model, phoneProof } = this.#deps
    const passwordHash = await this.#hash(password, user)
    await phoneProof.disown(user._id.toHexString(), 'role_changed')
    const $set = { role: 'admin', passwordHash, passwordSetAt: new Date(), mustChangePassword: true } as const
    const still = { _id: user._id, phone: user.phone, phoneVerifiedAt: { $exists: false }, ...closed, ...notDeleted }
    const administrator = await model.findOneAndUpdate(still, { $set }, { returnDocument: 'after' }).lean()
    if (!administrator) throw new Problem('conflict', 'The account was changed meanwhile: try again')
    return administrator
  }

  async #create({ phone, name, password }: NewAdministrator): Promise<UserDocument> {
    const passwordHash = await this.#hash(password, { phone, name })
    return this.#deps.users.create({ phone, name, passwordHash, role: 'admin', mustChangePassword: true })
  }

  #hash(password: string, owner: Pick<UserDocument, 'phone' | 'name'>): Promise<string> {
    this.#deps.policy.require(password, owner, 'password')
    return this.#deps.hashPassword(password)
  }
}
