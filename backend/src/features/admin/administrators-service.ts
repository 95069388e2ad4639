import type { Model } from 'mongoose'
import { Problem } from '../../http/problem.js'
import type { PasswordPolicy } from '../accounts/index.js'
import type { AuditLog } from '../audit/index.js'
import type { SessionService } from '../sessions/index.js'
import type { UserDocument, UserService } from '../users/index.js'
import type { By } from './by.js'
import { NewAdministrator } from './schema.js'

interface Dependencies {
  readonly users: UserService
  readonly model: Model<UserDocument>
  readonly sessions: Pick<SessionService, 'revokeAll'>
  readonly audit: Pick<AuditLog, 'record'>
  /** @throws Problem validation_failed for a password that is too weak */
  readonly policy: Pick<PasswordPolicy, 'require'>
  readonly hashPassword: (password: string) => Promise<string>
}

/** Who administers: made by the operator alone, at the command line. */
export class AdministratorsService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Makes an administrator: of the account that has the phone, whose password stays and whose sessions end; or of a new one, whose password
   * must be changed at the first sign-in.
   * @throws Problem validation_failed; conflict for who is an administrator already, or is suspended
   */
  async make(input: NewAdministrator, by: By): Promise<{ user: UserDocument; created: boolean }> {
    const parsed = NewAdministrator.safeParse(input)
    if (!parsed.success)
      throw new Problem('validation_failed', parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))
    const existing = await this.#deps.users.findByPhone(parsed.data.phone)
    const user = existing ? await this.#promote(existing) : await this.#create(parsed.data)
    const target = { kind: 'user', id: user._id.toHexString() }
    await this.#deps.audit.record({
      action: 'user.role_changed',
      outcome: 'done',
      target,
      ...by,
      detail: { role: 'admin', created: !existing },
    })
    return { user, created: !existing }
  }

  async #promote(user: UserDocument): Promise<UserDocument> {
    if (user.role === 'admin') throw new Problem('conflict', 'They are an administrator already')
    if (user.suspendedAt) throw new Problem('conflict', 'They are suspended: unlock them first')
    await this.#deps.model.updateOne({ _id: user._id }, { $set: { role: 'admin' } })
    await this.#deps.sessions.revokeAll(user._id.toHexString(), { reason: 'role_changed' })
    return { ...user, role: 'admin' }
  }

  async #create({ phone, name, password }: NewAdministrator): Promise<UserDocument> {
    this.#deps.policy.require(password, { phone, name }, 'password')
    const passwordHash = await this.#deps.hashPassword(password)
    return this.#deps.users.create({ phone, name, passwordHash, role: 'admin', mustChangePassword: true })
  }
}
