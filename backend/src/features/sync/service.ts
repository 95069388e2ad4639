import type { Model } from 'mongoose'
import { z } from 'zod'
import type { Caller } from '../../http/endpoint.js'
import { Id, toObjectId } from '../../http/ids.js'
import { decodeCursor, encodeCursor } from '../../http/page.js'
import { encodeSince } from '../../http/since.js'
import { type ConversationDocument, isHidden, leftKeptMs } from '../conversations/index.js'
import type { Moments } from './moments.js'
import type { SyncQuery } from './schema.js'

interface Dependencies {
  readonly conversations: Model<ConversationDocument>
  readonly moments: Moments
}

interface Changes {
  readonly items: ConversationDocument[]
  readonly removed: string[]
  readonly full: boolean
  readonly cursor: string
  readonly nextCursor: string | null
}

/** What has changed since `sinceMs`, after the conversation `id`. `momentMs` is what the sync's cursor will be. */
const Position = z.object({ full: z.boolean(), momentMs: z.int(), sinceMs: z.int(), id: Id.nullable() })
type Position = z.infer<typeof Position>

const mostLeft = 1000
/** People who left are dated by a worker's clock. */
const clockMarginMs = 3_600_000

export class SyncService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * The caller's conversations that have changed since, by the database's clock, or all: where nothing was given, what was is too old to
   * know who left, or they left more than an answer tells. In an order that no change moves, so that a sync ends however busy they are.
   * @throws Problem validation_failed for a bad cursor
   */
  async changes(caller: Caller, query: SyncQuery): Promise<Changes> {
    const { position, left } =
      query.cursor === undefined ? await this.#begin(caller, query.since) : { position: decodeCursor(Position, query.cursor), left: [] }
    const { full, momentMs, sinceMs } = position
    const found = await this.#changed(caller, position, query.limit + 1)
    const page = found.slice(0, query.limit)
    const [items, hidden] = apart(page, caller.userId)
    const last = found.length > query.limit ? page.at(-1) : undefined
    const next = last && { full, momentMs, sinceMs, id: last._id.toHexString() }
    return {
      items,
      removed: full ? [] : [...left, ...hidden],
      full,
      cursor: encodeSince(new Date(momentMs)),
      nextCursor: next ? encodeCursor(next satisfies Position) : null,
    }
  }

  /** The moment first: what changes while the pages are read has changed since. @returns what the caller has left since, too */
  async #begin(caller: Caller, since: Date | undefined): Promise<{ position: Position; left: readonly string[] }> {
    const momentMs = (await this.#deps.moments.now()).getTime()
    const mayBeKnown = since !== undefined && since.getTime() >= momentMs - leftKeptMs / 2
    const left = mayBeKnown ? await this.#leftBy(caller, since) : undefined
    if (!left || !since) return { position: { full: true, momentMs, sinceMs: 0, id: null }, left: [] }
    return { position: { full: false, momentMs, sinceMs: since.getTime(), id: null }, left }
  }

  async #changed({ userId }: Caller, { sinceMs, id }: Position, limit: number): Promise<ConversationDocument[]> {
    return this.#deps.conversations
      .find({
        'members.userId': toObjectId(userId),
        changedAt: { $gte: new Date(sinceMs) },
        ...(id === null ? {} : { _id: { $gt: toObjectId(id) } }),
      })
      .sort({ _id: 1 })
      .limit(limit)
      .read('primary')
      .lean()
  }

  /** @returns undefined where they are more than one answer tells */
  async #leftBy({ userId }: Caller, since: Date): Promise<string[] | undefined> {
    const at = { $gte: new Date(since.getTime() - clockMarginMs) }
    const left = await this.#deps.conversations
      .find({ left: { $elemMatch: { userId: toObjectId(userId), at } } }, { _id: 1 })
      .limit(mostLeft + 1)
      .read('primary')
      .lean()
    return left.length > mostLeft ? undefined : left.map(({ _id }) => _id.toHexString())
  }
}

/** The conversations to be shown, and the ids of those that somebody has taken off their list. */
const apart = (conversations: readonly ConversationDocument[], userId: string): [ConversationDocument[], string[]] => {
  const isOff = (conversation: ConversationDocument): boolean =>
    conversation.members.some((member) => member.userId.toHexString() === userId && isHidden(conversation, member))
  return [conversations.filter((each) => !isOff(each)), conversations.filter(isOff).map(({ _id }) => _id.toHexString())]
}
