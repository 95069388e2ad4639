import type { Blocks } from '../blocks/index.js'
import type { Memberships, SharedConversations } from '../conversations/index.js'
import type { UserService } from '../users/index.js'

interface Dependencies {
  readonly memberships: Memberships
  readonly shared: Pick<SharedConversations, 'partnersAmong'>
  readonly blocks: Pick<Blocks, 'without'>
  readonly users: Pick<UserService, 'showingPresence'>
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

/**
 * Who may see whether somebody is there: who talks with them directly, where they let themselves be seen and neither has blocked the other.
 * The one place that says so.
 */
export class Audience {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Who is told of a person, whatever they have set; the nearest first. */
  async around(userId: string): Promise<string[]> {
    const { memberships, blocks } = this.#deps
    const partners = await memberships.partnersOf(userId, mostTold)
    return blocks.without(
      userId,
      partners.map((partner) => partner.userId),
    )
  }

  /** Who may be told whether a person is there; nobody where they do not show it. */
  async of(userId: string): Promise<string[]> {
    return (await this.#deps.users.showingPresence([userId])).size > 0 ? this.around(userId) : []
  }

  /** Those whom a person may see; the nearest first. */
  async seenBy(viewerId: string): Promise<Seen[]> {
    return this.#visible(viewerId, await this.#deps.memberships.partnersOf(viewerId, mostShown))
  }

  /** Those of these people whom a person may see. */
  async seenAmong(viewerId: string, userIds: readonly string[]): Promise<Seen[]> {
    return this.#visible(viewerId, await this.#deps.shared.partnersAmong(viewerId, userIds))
  }

  /** True where two talk with each other directly, blocked or not. */
  async areTalking(one: string, other: string): Promise<boolean> {
    return (await this.#deps.shared.partnersAmong(one, [other])).length > 0
  }

  async #visible(viewerId: string, partners: readonly Omit<Seen, 'lastSeenAt'>[]): Promise<Seen[]> {
    if (partners.length === 0) return []
    const { blocks, users } = this.#deps
    const ids = partners.map(({ userId }) => userId)
    const [near, showing] = await Promise.all([blocks.without(viewerId, ids), users.showingPresence(ids)])
    const visible = new Set(near)
    return partners.flatMap(({ userId, since }) => {
      const lastSeenAt = showing.get(userId)
      return lastSeenAt === undefined || !visible.has(userId) ? [] : [{ userId, since, lastSeenAt }]
    })
  }
}
