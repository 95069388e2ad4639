import { z } from 'zod'
import type { Caller } from '../../http/endpoint.js'
import { Id } from '../../http/ids.js'
import { decodeCursor, encodeCursor } from '../../http/page.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import type { Blocks } from '../blocks/index.js'
import type { UserService } from '../users/index.js'
import type { Arrivals } from './arrivals.js'
import type { Changes } from './changes.js'
import type { Gone } from './gone.js'
import { adding, bySeniority, changingRole, leaving, memberOf, removing } from './member-changes.js'
import type { Memberships } from './memberships.js'
import type { ConversationDocument, Member, Role } from './model.js'
import type { ConversationService } from './service.js'

interface Dependencies {
  readonly conversations: ConversationService
  readonly changes: Changes
  readonly memberships: Memberships
  readonly users: UserService
  readonly blocks: Blocks
  readonly arrivals: Arrivals
  readonly outbox: Outbox
  readonly source: OutboxSource
  readonly gone: Gone
}

const Position = z.tuple([z.literal('member'), z.iso.datetime(), Id])

/** Who is in a conversation, in which role. */
export class MemberService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** The longest-standing first. @throws Problem not_found, validation_failed for a bad cursor */
  async list(
    caller: Caller,
    conversationId: string,
    page: { cursor?: string | undefined; limit: number },
  ): Promise<{ conversation: ConversationDocument; items: Member[]; nextCursor: string | null }> {
    const after = page.cursor === undefined ? undefined : decodeCursor(Position, page.cursor)
    const conversation = await this.#deps.conversations.get(caller, conversationId)
    const members = conversation.members.toSorted(bySeniority)
    const rest = after ? members.filter((member) => isAfter(member, after)) : members
    const items = rest.slice(0, page.limit)
    const last = rest.length > page.limit ? items.at(-1) : undefined
    return {
      conversation,
      items,
      nextCursor: last
        ? encodeCursor(['member', last.joinedAt.toISOString(), last.userId.toHexString()] satisfies z.infer<typeof Position>)
        : null,
    }
  }

  /**
   * @returns who was none before; members already are passed over
   * @throws Problem not_found, forbidden, validation_failed for unknown people and those who have blocked the caller, conflict for a direct conversation or too large a group
   */
  async add(
    caller: Caller,
    conversationId: string,
    userIds: readonly string[],
  ): Promise<{ conversation: ConversationDocument; items: Member[] }> {
    const { changes, users, blocks, outbox, source } = this.#deps
    const { blockers } = await blocks.around(caller.userId, userIds)
    const unknown = new Set([...(await users.unknownAmong(userIds)), ...blockers])
    const arrival = await this.#deps.arrivals.at(conversationId)
    const { before, conversation, changed } = await changes.apply(caller, conversationId, adding(userIds, { unknown, ...arrival }))
    if (changed) outbox.publish(source, [conversation]) // the sweeper publishes it if this worker dies first
    return { conversation, items: conversation.members.filter(({ userId }) => !memberOf(before, userId.toHexString())) }
  }

  /** @throws Problem not_found, forbidden, conflict for a direct conversation or the owner's own role */
  async changeRole(
    caller: Caller,
    conversationId: string,
    userId: string,
    role: Role,
  ): Promise<{ conversation: ConversationDocument; member: Member }> {
    const { changes, outbox, source } = this.#deps
    const { conversation, changed } = await changes.apply(caller, conversationId, changingRole(userId, role))
    if (changed) outbox.publish(source, [conversation])
    const member = memberOf(conversation, userId)
    if (!member) throw new Error('A member whose role was changed is in the conversation')
    return { conversation, member }
  }

  /**
   * Sends somebody away: once this has returned they hear no more of it.
   * @throws Problem not_found, forbidden, conflict for oneself or a direct conversation, service_unavailable where it is done and cannot be told: ask again
   */
  async remove(caller: Caller, conversationId: string, userId: string): Promise<void> {
    await this.#takeOut(caller, conversationId, userId, removing(userId))
  }

  /** Once this has returned they hear no more of it. @throws Problem not_found, conflict for a direct conversation, service_unavailable as above */
  async leave(caller: Caller, conversationId: string): Promise<void> {
    await this.#takeOut(caller, conversationId, caller.userId, leaving)
  }

  async #takeOut(caller: Caller, conversationId: string, userId: string, change: Parameters<Changes['apply']>[2]): Promise<void> {
    const { changes, memberships, gone } = this.#deps
    const { conversation } = await gone.toldFirst(conversationId, userId, () => changes.apply(caller, conversationId, change))
    memberships.forget(conversationId, [userId])
    await gone.tell(conversation)
  }
}

const isAfter = (member: Member, [, joinedAt, userId]: z.infer<typeof Position>): boolean =>
  member.joinedAt.toISOString() > joinedAt || (member.joinedAt.toISOString() === joinedAt && member.userId.toHexString() > userId)
