import type { Caller, Origin } from '../../http/endpoint.js'
import type { AuditLog } from '../audit/index.js'
import type { SessionService } from '../sessions/index.js'
import type { UserDocument, UserService } from '../users/index.js'
import type { AccountPasswords } from './account-passwords.js'
import type { Proof } from './proof.js'
import type { ChangePassword } from './schema.js'

interface Dependencies {
  readonly users: Pick<UserService, 'get'>
  readonly sessions: Pick<SessionService, 'revokeAllAround'>
  readonly audit: AuditLog
  readonly passwords: AccountPasswords
  readonly proof: Proof
}

const path = 'body.newPassword'

/** What who is signed in does with their own password. */
export class OwnCredentials {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** They show it once more. @param action what it is for, as the audit log calls it. @returns them. @throws Problem invalid_credentials */
  async confirm(user: UserDocument, password: string, { action, origin }: { action: string; origin: Origin }): Promise<UserDocument> {
    return this.#deps.proof.require({ account: user.phone, user, password, origin, action })
  }

  /**
   * Changes one's own password, or gives the first one to an account that has none; every other session ends. What is answered by an error may be
   * done all the same.
   * @throws Problem invalid_credentials where the present password is wrong or missing; validation_failed; conflict where it was changed meanwhile
   */
  async changePassword(
    { userId, sessionId }: Caller,
    { currentPassword = '', newPassword }: ChangePassword,
    origin: Origin,
  ): Promise<void> {
    const { users, passwords, sessions, audit } = this.#deps
    const action = 'password.changed'
    const known = await users.get(userId)
    const user = known.passwordHash === undefined ? known : await this.confirm(known, currentPassword, { action, origin })
    passwords.require(user, newPassword, path)
    await passwords.requireNew(user, newPassword, path)
    const ending = { except: sessionId, reason: 'password_changed' } as const
    await sessions.revokeAllAround(userId, ending, () => passwords.set(user, newPassword))
    await audit.record({ action, outcome: 'done', actor: { kind: user.role ?? 'user', id: userId }, origin })
  }
}
