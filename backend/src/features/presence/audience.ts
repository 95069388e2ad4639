import type { Memberships } from '../conversations/index.js'
import type { UserService } from '../users/index.js'

interface Dependencies {
  readonly memberships: Memberships
  readonly users: UserService
}

/** Somebody whom another may see. */
interface Seen {
  readonly userId: string
  /** When the two began to talk. */
  readonly since: Date
  readonly lastSeenAt: Date | null
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
  async around(userId: string): Promise<string[]> {
    return (await this.#deps.memberships.partnersOf(userId, mostTold)).map((partner) => partner.userId)
  }

  /** Who may be told whether a person is there; nobody where they do not show it. */
  async of(userId: string): Promise<string[]> {
    return (await this.#deps.users.showingPresence([userId])).size > 0 ? this.around(userId) : []
  }

  /** Those whom a person may see; the nearest first. */
  async seenBy(viewerId: string): Promise<Seen[]> {
    const partners = await this.#deps.memberships.partnersOf(viewerId, mostShown)
    if (partners.length === 0) return []
    const showing = await this.#deps.users.showingPresence(partners.map(({ userId }) => userId))
    return partners.flatMap(({ userId, since }) => {
      const lastSeenAt = showing.get(userId)
      return lastSeenAt === undefined ? [] : [{ userId, since, lastSeenAt }]
    })
  }
}
