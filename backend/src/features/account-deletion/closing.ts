import type { OneTimeTokens } from '../codes/index.js'
import type { SessionService } from '../sessions/index.js'
import type { UserClosing } from '../users/index.js'

interface Dependencies {
  readonly users: UserClosing
  readonly sessions: Pick<SessionService, 'revokeAll'>
  readonly tokens: Pick<OneTimeTokens, 'forget'>
}

/** The end of an account for its own person: no way in, and nobody in it. Done by who is asked, and once more by the job, in case that died. */
export class Closing {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Again changes nothing. */
  async close(userId: string): Promise<void> {
    const { users, sessions, tokens } = this.#deps
    await users.close(userId) // first: a session that begins after this finds nobody
    await sessions.revokeAll(userId, { reason: 'account_deleted' })
    await tokens.forget(['email', 'password_reset'], userId)
  }
}
