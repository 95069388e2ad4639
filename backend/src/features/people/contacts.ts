import { LRUCache } from 'lru-cache'
import type { SharedConversations } from '../conversations/index.js'

interface Dependencies {
  readonly shared: Pick<SharedConversations, 'partnersAmong'>
  /** Whether somebody has sent a message in a conversation. */
  readonly hasWritten: (userId: string, conversationId: string) => Promise<boolean>
}

const mostRemembered = 100_000

/**
 * Whose phone number a person may see: that of who has turned to them, by beginning a direct conversation with them or writing in it.
 * To begin one with somebody is not enough, else every stranger could learn every number.
 */
export class Contacts {
  readonly #deps: Dependencies
  /** Who was one stays one. */
  readonly #known = new LRUCache<string, true>({ max: mostRemembered })
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Of these people, those whose phone the viewer may see. */
  async among(viewerId: string, userIds: readonly string[]): Promise<Set<string>> {
    const known = userIds.filter((userId) => this.#known.has(keyOf(viewerId, userId)))
    const contacts = new Set(known)
    const others = userIds.filter((userId) => !contacts.has(userId))
    const partners = others.length === 0 ? [] : await this.#deps.shared.partnersAmong(viewerId, others)
    await Promise.all(
      partners.map(async ({ userId, conversationId, began }) => {
        if (!began && !(await this.#deps.hasWritten(userId, conversationId))) return
        contacts.add(userId)
        this.#known.set(keyOf(viewerId, userId), true)
      }),
    )
    return contacts
  }
}

const keyOf = (viewerId: string, userId: string): string => `${viewerId}:${userId}`
