import type { Memberships } from '../conversations/index.js'
import type { UserService } from '../users/index.js'

interface Dependencies {
  readonly memberships: Memberships
  readonly users: UserService
}

const mostTold = 1000
const mostShown = 100

/** Who may see whether somebody is there: who talks with them directly, where they let themselves be seen. The one place that says so. */
export class Audience {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Who is told of a person, whatever they have set; the nearest first. */
  around(userId: string): Promise<string[]> {
    return this.#deps.memberships.partnersOf(userId, mostTold)
  }

  /** Who may be told whether a person is there; nobody where they do not show it. */
  async of(userId: string): Promise<string[]> {
    return (await this.#deps.users.showingPresence([userId])).size > 0 ? this.around(userId) : []
  }

  /** Those whom a person may see, and when they were there last. */
  async seenBy(viewerId: string): Promise<Map<string, Date | null>> {
    const partners = await this.#deps.memberships.partnersOf(viewerId, mostShown)
    return partners.length > 0 ? this.#deps.users.showingPresence(partners) : new Map()
  }
}
