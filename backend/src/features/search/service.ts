import type { Model, Types } from 'mongoose'
import { z } from 'zod'
import type { Caller } from '../../http/endpoint.js'
import { Id, toObjectId } from '../../http/ids.js'
import { decodeCursor, encodeCursor } from '../../http/page.js'
import { Problem } from '../../http/problem.js'
import type { ReadPreference } from '../../platform/read-preference.js'
import type { Beginning, Memberships } from '../conversations/index.js'
import { type MessageDocument, type Quotes, quotesIn } from '../messages/index.js'
import { newestAfter, type Position, unseenFields } from './candidates.js'
import type { SearchMessages } from './schema.js'
import { lookUpsOf, says } from './terms.js'

interface Dependencies {
  readonly messages: Model<MessageDocument>
  /** Where messages are looked for; what is found is read again from the primary where that is another. */
  readonly readFrom: ReadPreference
  readonly memberships: Pick<Memberships, 'placeOf' | 'placesOf'>
}

interface Page {
  readonly items: MessageDocument[]
  readonly nextCursor: string | null
}

const latestMs = 8.64e15 // ECMA-262, 21.4.1.1: the last moment that a Date can hold
const Cursor = z.tuple([z.literal('search'), z.int().min(0).max(latestMs), Id])

/** A person who is in more is found what was said in those of newest activity. */
const mostConversations = 2000
/** How many messages that have the words are read for a page: a phrase may be in none of them. */
const mostRead = 1000
/** The same in UTF-16 code units of their texts: each is gone through while nothing else is done. */
const mostReadUnits = 250_000
/** Nor are more read after this time: what is there by then is answered, and goes on at its cursor. */
const enoughMs = 1000
const leastAtOnce = 201
const deadlineMs = 5000

export class SearchService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Messages that say what is asked for and that the caller may see, newest first. A page that is short goes on where it says.
   * @throws Problem not_found for a conversation that the caller is not in, validation_failed for a bad cursor, service_unavailable where it takes over 5 s
   */
  async find(caller: Caller, query: SearchMessages): Promise<Page & { quotes: Quotes }> {
    const places = await this.#placesOf(caller, query.conversationId)
    const page = await this.#asItIsNow(caller, query, await this.#pageOf(caller, query, places))
    const firstSeqs = new Map(places.map(({ conversationId, firstSeq }) => [conversationId.toHexString(), firstSeq]))
    const firstSeqOf = (id: Types.ObjectId): number => firstSeqs.get(id.toHexString()) ?? Number.POSITIVE_INFINITY
    const quotes = await quotesIn({ messages: this.#deps.messages, viewerId: caller.userId, firstSeqOf }, page.items)
    return { ...page, quotes }
  }

  async #pageOf(caller: Caller, query: SearchMessages, places: readonly Beginning[]): Promise<Page> {
    const { q: terms, senderId, from, to, cursor, limit } = query
    let position = cursor === undefined ? undefined : positionOf(cursor)
    const begunAt = performance.now()
    const { messages, readFrom } = this.#deps
    const question = {
      messages,
      readFrom,
      places,
      lookUps: lookUpsOf(terms),
      viewerId: caller.userId,
      senderId,
      from,
      to,
      endsAt: begunAt + deadlineMs,
    }
    const items: MessageDocument[] = []
    const batch = Math.max(limit + 1, leastAtOnce)
    let [read, readUnits] = [0, 0]
    do {
      const found = await newestAfter(question, position, batch)
      for (const message of found) {
        if (readUnits >= mostReadUnits) break
        position = [message.createdAt.getTime(), message._id.toHexString()]
        read += 1
        readUnits += message.text?.length ?? 0
        if (message.text === null || !says(message.text, terms)) continue
        const last = items.at(-1)
        if (last && items.length === limit) return { items, nextCursor: cursorAfter(last) }
        items.push(message)
      }
      if (found.length < batch && readUnits < mostReadUnits) return { items, nextCursor: null }
    } while (read < mostRead && readUnits < mostReadUnits && performance.now() - begunAt < enoughMs)
    return { items, nextCursor: position ? cursorAt(position) : null }
  }

  /** A secondary may not know yet that a message was deleted, hidden or says something else by now. */
  async #asItIsNow({ userId }: Caller, { q: terms }: SearchMessages, { items, nextCursor }: Page): Promise<Page> {
    const { messages, readFrom } = this.#deps
    if (readFrom === 'primary' || items.length === 0) return { items, nextCursor }
    const present = await messages
      .find({ _id: { $in: items.map(({ _id }) => _id) }, deletedAt: null, hiddenFor: { $ne: toObjectId(userId) } }, unseenFields)
      .read('primary')
      .lean()
    const byId = new Map(present.map((message) => [message._id.toHexString(), message]))
    const now = items.flatMap(({ _id }) => byId.get(_id.toHexString()) ?? [])
    return { items: now.filter(({ text }) => text !== null && says(text, terms)), nextCursor }
  }

  async #placesOf({ userId }: Caller, conversationId: string | undefined): Promise<readonly Beginning[]> {
    const { memberships } = this.#deps
    if (conversationId === undefined) return memberships.placesOf(userId, mostConversations)
    const place = await memberships.placeOf(userId, conversationId)
    if (!place) throw new Problem('not_found')
    return [{ conversationId: toObjectId(conversationId), firstSeq: place.firstSeq }]
  }
}

const positionOf = (cursor: string): Position => {
  const [, createdAtMs, id] = decodeCursor(Cursor, cursor)
  return [createdAtMs, id]
}

const cursorAt = (position: Position): string => encodeCursor(['search', ...position] satisfies z.infer<typeof Cursor>)

const cursorAfter = ({ createdAt, _id }: MessageDocument): string => cursorAt([createdAt.getTime(), _id.toHexString()])
