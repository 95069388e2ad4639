export interface MemberKey {
  readonly conversationId: string
  readonly userId: string
}

interface Conversation {
  windowStart: number
  /** Events in this window. */
  told: number
  readonly waiting: Set<string>
  /** When a member was told of last. */
  readonly toldAt: Map<string, number>
}

const windowMs = 1000
/** So many members of a conversation are told of one by one in a second; more of them in one event. */
export const mostAlone = 5
const mostWaiting = 50_000

/**
 * When the members' watermarks are told: each at once, and then at most once a second with what has become of it; of a conversation at most
 * five events in a second, or one for all that wait. So a large group costs its streams no more than a small one.
 */
export class Pace {
  readonly #conversations = new Map<string, Conversation>()
  #waiting = 0

  /** How many members wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** How many conversations it remembers. */
  get conversations(): number {
    return this.#conversations.size
  }

  /** @returns false where too many wait: the sweeper finds what is not told, by its age */
  note({ conversationId, userId }: MemberKey, now: number): boolean {
    const conversation = this.#conversations.get(conversationId) ?? { windowStart: now, told: 0, waiting: new Set(), toldAt: new Map() }
    if (conversation.waiting.has(userId)) return true
    if (this.#waiting >= mostWaiting) return false
    this.#conversations.set(conversationId, conversation)
    conversation.waiting.add(userId)
    this.#waiting += 1
    return true
  }

  /** Takes what is to be told now. @param all whatever the pace says: nothing is told later */
  due(now: number, all = false): MemberKey[] {
    const due: MemberKey[] = []
    for (const [conversationId, conversation] of this.#conversations) {
      if (now - conversation.windowStart >= windowMs) this.#openWindow(conversationId, conversation, now)
      const ready = [...conversation.waiting].filter((userId) => all || now - (conversation.toldAt.get(userId) ?? -Infinity) >= windowMs)
      if (!all && conversation.told > 0 && conversation.told + ready.length > mostAlone) continue
      conversation.told = Math.min(mostAlone, conversation.told + ready.length)
      for (const userId of ready) {
        conversation.waiting.delete(userId)
        conversation.toldAt.set(userId, now)
        due.push({ conversationId, userId })
      }
    }
    this.#waiting -= due.length
    return due
  }

  #openWindow(conversationId: string, conversation: Conversation, now: number): void {
    conversation.windowStart = now
    conversation.told = 0
    for (const [userId, at] of conversation.toldAt) if (now - at >= windowMs) conversation.toldAt.delete(userId)
    if (conversation.waiting.size === 0 && conversation.toldAt.size === 0) this.#conversations.delete(conversationId)
  }
}
