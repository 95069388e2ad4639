import type { Blocks } from '../blocks/index.js'
import type { SharedConversations } from '../conversations/index.js'
import type { UserService } from '../users/index.js'
import type { MemberKey } from './pace.js'

interface Dependencies {
  readonly shared: Pick<SharedConversations, 'directKeysOf'>
  readonly users: Pick<UserService, 'hidingReadReceipts'>
  readonly blocks: Pick<Blocks, 'amongPairs'>
}

/** True where the others of a conversation do not see how far this member has read. */
export type HidesReading = (conversationId: string, userId: string) => boolean

/**
 * Who does not show how far they have read: who has set so. In a direct conversation it holds for both where one of them has, or has blocked
 * the other; in a group for oneself alone, since what is told there is one event for all.
 */
export class ReceiptPrivacy {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @param directKeys of the direct ones among their conversations, where they are known already */
  async of(members: readonly MemberKey[], directKeys?: ReadonlyMap<string, string>): Promise<HidesReading> {
    if (members.length === 0) return () => false
    const { shared, users, blocks } = this.#deps
    const keys = directKeys ?? (await shared.directKeysOf([...new Set(members.map(({ conversationId }) => conversationId))]))
    const userIds = new Set([...members.map(({ userId }) => userId), ...[...keys.values()].flatMap(idsIn)])
    const [hiding, apart] = await Promise.all([users.hidingReadReceipts([...userIds]), blocks.amongPairs([...new Set(keys.values())])])
    return (conversationId, userId) => {
      const pair = keys.get(conversationId)
      return pair === undefined ? hiding.has(userId) : apart.has(pair) || idsIn(pair).some((id) => hiding.has(id))
    }
  }
}

const idsIn = (pair: string): string[] => pair.split(':')
