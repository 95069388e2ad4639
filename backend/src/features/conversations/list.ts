import { type Model, type QueryFilter, Types } from 'mongoose'
import { z } from 'zod'
import type { Caller } from '../../http/endpoint.js'
import { Id, toObjectId } from '../../http/ids.js'
import { decodeCursor, encodeCursor } from '../../http/page.js'
import { type ConversationDocument, memberLastMessageIndex, pinsIndex } from './model.js'
import { archivedBy, hiddenBy } from './own-state.js'
import { mostPinned, pinsOf } from './pins.js'
import type { ListConversations } from './schema.js'

/** `pinned`: those that the list began with; `shown` of them are before this. `after`: where the rest goes on. */
const Position = z.object({
  archived: z.boolean(),
  pinned: z.array(Id).max(mostPinned),
  shown: z.int().min(0).max(mostPinned),
  after: z.tuple([z.iso.datetime(), Id]).nullable(),
})
type Position = z.infer<typeof Position>

interface Page {
  readonly items: ConversationDocument[]
  readonly nextCursor: string | null
}

/** People's lists of conversations. */
export class ConversationList {
  readonly #conversations: Model<ConversationDocument>
  constructor(deps: { readonly conversations: Model<ConversationDocument> }) {
    this.#conversations = deps.conversations
  }

  /**
   * The caller's conversations, the newest activity first: the archived ones, or the others, of which those that were pinned when the list was
   * begun come first. @throws Problem validation_failed for a bad cursor
   */
  async read(caller: Caller, { archived, cursor, limit }: ListConversations): Promise<Page> {
    const userId = toObjectId(caller.userId)
    const given =
      cursor === undefined
        ? undefined
        : decodeCursor(
            Position.refine((position) => position.archived === archived),
            cursor,
          )
    // At once: the rest of a first page has the pinned ones too, wherever they stand in it.
    const [pinned, found] = await Promise.all([
      archived ? [] : this.#pinned(caller.userId, given),
      this.#rest(userId, given ?? { archived, pinned: [], after: null }, limit + 1),
    ])
    const position: Position = given ?? { archived, pinned: pinned.map(({ _id }) => _id.toHexString()), shown: 0, after: null }
    const first = pinned.slice(0, limit)
    const room = limit - first.length
    const isPinned = new Set(position.pinned)
    const rest = found.filter(({ _id }) => !isPinned.has(_id.toHexString()))
    const items = [...first, ...rest.slice(0, room)]
    if (pinned.length === first.length && rest.length <= room) return { items, nextCursor: null }
    const last = rest[room - 1]
    const after = last ? ([last.lastMessageAt.toISOString(), last._id.toHexString()] as const) : position.after
    const next = { ...position, shown: position.shown + first.length, after: after && [after[0], after[1]] }
    return { items, nextCursor: encodeCursor(next satisfies { [K in keyof Position]: unknown }) }
  }

  /** Those of them that are still to be shown. */
  async #pinned(userId: string, given: Position | undefined): Promise<ConversationDocument[]> {
    const ids = given?.pinned.slice(given.shown)
    if (ids?.length === 0) return []
    const which: QueryFilter<ConversationDocument> = ids ? { _id: { $in: ids.map(toObjectId) } } : { pins: { $in: pinsOf(userId) } }
    const found = await this.#conversations
      .find({ ...which, 'members.userId': new Types.ObjectId(userId) })
      .hint(ids ? { _id: 1 } : pinsIndex)
      .lean()
    const place = new Map(ids?.map((id, n) => [id, n]))
    const order = ({ _id }: ConversationDocument): number => place.get(_id.toHexString()) ?? 0
    return found.toSorted((one, other) => order(one) - order(other) || byActivity(one, other))
  }

  async #rest(
    userId: Types.ObjectId,
    { archived, pinned, after }: Omit<Position, 'shown'>,
    limit: number,
  ): Promise<ConversationDocument[]> {
    const isArchived = archivedBy(userId, new Date())
    const [at, id] = after ?? []
    const passed = at === undefined || id === undefined ? [] : [{ lastMessageAt: new Date(at), _id: { $gte: toObjectId(id) } }]
    return this.#conversations
      .find({
        'members.userId': userId,
        ...(at !== undefined && { lastMessageAt: { $lte: new Date(at) } }),
        ...(pinned.length > 0 && { _id: { $nin: pinned.map(toObjectId) } }),
        ...(archived && isArchived),
        $nor: [...passed, hiddenBy(userId), ...(archived ? [] : [isArchived])], // not $or: it ends the order of the index
      })
      .sort({ lastMessageAt: -1, _id: -1 })
      .hint(memberLastMessageIndex)
      .limit(limit)
      .lean()
  }
}

const byActivity = (one: ConversationDocument, other: ConversationDocument): number =>
  other.lastMessageAt.getTime() - one.lastMessageAt.getTime() || (one._id.toHexString() < other._id.toHexString() ? 1 : -1)
