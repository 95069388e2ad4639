import { type EntryId, isAfter } from './log/position.js'

/** People came into a conversation, at its `version`: their streams tell of it from `since` on. */
export interface Joined {
  readonly conversationId: string
  readonly userIds: readonly string[]
  readonly version: number
  readonly since: EntryId
}

/** People went from a conversation, at its `version`. */
export interface Left {
  readonly conversationId: string
  readonly userIds: readonly string[]
  readonly version: number
}

interface Change {
  readonly version: number
  readonly left?: EntryId
}

const mostKept = 1000

/**
 * What one stream has heard of its user's coming and going. The conversation's version orders what is heard and what is read from the
 * database, whichever comes first: a membership that was read before somebody left is not taken for one, nor is a late message of their coming.
 */
export class MembershipChanges {
  #newest: Map<string, Change> | undefined // most streams hear of none

  /** @returns from where on the stream tells of the conversation; undefined where something newer is known */
  joined({ conversationId, version, since }: Omit<Joined, 'userIds'>): EntryId | undefined {
    const before = this.#newest?.get(conversationId)
    if (before && before.version >= version) return undefined
    this.#keep(conversationId, { version })
    return before?.left !== undefined && isAfter(before.left, since) ? before.left : since // what was told before is not told again
  }

  /** @param id of the message that says so @returns false where something newer is known */
  left({ conversationId, version }: Omit<Left, 'userIds'>, id: EntryId): boolean {
    const before = this.#newest?.get(conversationId)
    if (before && before.version >= version) return false
    this.#keep(conversationId, { version, left: id })
    return true
  }

  /** True unless somebody who was a member in that version of the conversation has left since. */
  isIn(conversationId: string, version: number): boolean {
    const newest = this.#newest?.get(conversationId)
    return newest?.left === undefined || newest.version <= version
  }

  #keep(conversationId: string, change: Change): void {
    this.#newest ??= new Map()
    this.#newest.delete(conversationId) // so that it is the last in order
    this.#newest.set(conversationId, change)
    if (this.#newest.size <= mostKept) return
    for (const oldest of this.#newest.keys()) {
      this.#newest.delete(oldest)
      return
    }
  }
}
