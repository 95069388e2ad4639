import type { Origin } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { AuditLog } from '../audit/index.js'
import type { UserDocument, UserService } from '../users/index.js'

interface Dependencies {
  readonly users: Pick<UserService, 'get'>
  readonly matches: (user: UserDocument, password: string) => Promise<boolean>
  readonly audit: AuditLog
}

/** Asks who is signed in already for their password, before they change what they are known by. */
export class OwnPassword {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @param action what is refused. @throws Problem invalid_credentials, noted in the audit log */
  async require(userId: string, password: string, action: string, origin: Origin): Promise<void> {
    const { users, matches, audit } = this.#deps
    if (await matches(await users.get(userId), password)) return
    await audit.record({ action, outcome: 'refused', actor: { kind: 'user', id: userId }, origin })
    throw new Problem('invalid_credentials')
  }
}
