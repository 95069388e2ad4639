import { type Model, mongo, type QueryFilter } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import type { ReadPreference } from '../../platform/read-preference.js'
import type { Beginning } from '../conversations/index.js'
import { type MessageDocument, untoldIndex, wordsIndex } from '../messages/index.js'
import type { LookUp } from './terms.js'

type Filter = QueryFilter<MessageDocument>

/** After which message a page begins; the first begins with the newest. */
export type Position = readonly [createdAtMs: number, id: string]

export interface Question {
  readonly messages: Model<MessageDocument>
  readonly readFrom: ReadPreference
  readonly places: readonly Beginning[]
  readonly lookUps: readonly LookUp[]
  readonly viewerId: string
  readonly senderId: string | undefined
  readonly from: Date | undefined
  readonly to: Date | undefined
  /** By this process's monotonic clock, in ms. */
  readonly endsAt: number
}

/** What a client sees nothing of. */
export const unseenFields = { edits: 0, outbox: 0, words: 0 } as const

const dayMs = 86_400_000
/** How far back is looked, one after another while too little is found. So a word that everybody says is not read since the beginning. */
const spansMs = [7 * dayMs, 90 * dayMs, Number.POSITIVE_INFINITY]
/** MongoDB merges up to 200 ranges of an index in order, and sorts more (internalQueryMaxScansToExplode). */
const mostAtOnce = 200
const timeOver = 50

/**
 * The newest messages after a position that have the words, `limit` at most. What has not been told is read first: once told it leaves that index
 * and comes into the other. @throws Problem service_unavailable where that takes too long
 */
export const newestAfter = async (question: Question, position: Position | undefined, limit: number): Promise<MessageDocument[]> => {
  const found = new Map<string, MessageDocument>()
  const take = async (sinceMs: number, condition: Filter, index: string): Promise<number> => {
    const before = found.size
    for (const places of chunksOf(question.places)) {
      const filter = { ...condition, ...filterOf(question, places, position, sinceMs) }
      for (const message of await find(question, filter, index, limit)) found.set(message._id.toHexString(), message)
    }
    return found.size - before
  }
  const firstMs = question.from?.getTime() ?? 0
  await take(firstMs, { outbox: { $exists: true }, changedAt: { $exists: false } }, untoldIndex)
  const newestMs = Math.min(position?.[0] ?? Date.now(), question.to?.getTime() ?? Number.POSITIVE_INFINITY)
  for (const spanMs of spansMs) {
    const sinceMs = Math.max(newestMs - spanMs, firstMs)
    const taken = await take(sinceMs, { changedAt: { $exists: true } }, wordsIndex)
    if (taken >= limit || sinceMs === firstMs) break
  }
  return [...found.values()].toSorted(byNewest).slice(0, limit)
}

const filterOf = (
  { lookUps, viewerId, senderId, to }: Question,
  places: readonly Beginning[],
  position: Position | undefined,
  sinceMs: number,
): Filter => {
  const untilMs = Math.min(position?.[0] ?? Number.POSITIVE_INFINITY, to?.getTime() ?? Number.POSITIVE_INFINITY)
  const unseen = places
    .filter(({ firstSeq }) => firstSeq > 1)
    .map(({ conversationId, firstSeq }) => ({ conversationId, seq: { $lt: firstSeq } }))
  const passed = position ? [{ createdAt: new Date(position[0]), _id: { $gte: toObjectId(position[1]) } }] : []
  const never = [...unseen, ...passed]
  return {
    conversationId: { $in: places.map(({ conversationId }) => conversationId) },
    createdAt: { $gte: new Date(sinceMs), ...(Number.isFinite(untilMs) && { $lte: new Date(untilMs) }) },
    $and: [{ words: { $exists: true } }, ...lookUps.map((words) => ({ words }))],
    deletedAt: null,
    hiddenFor: { $ne: toObjectId(viewerId) },
    ...(senderId !== undefined && { senderId: toObjectId(senderId) }),
    ...(never.length > 0 && { $nor: never }),
  }
}

/** By the index named, as pages.ts of messages does. */
const find = async ({ messages, readFrom, endsAt }: Question, filter: Filter, index: string, limit: number): Promise<MessageDocument[]> => {
  const remainingMs = Math.ceil(endsAt - performance.now())
  if (remainingMs <= 0) throw tooMuch()
  try {
    return await messages
      .find(filter, unseenFields, { sort: { createdAt: -1, _id: -1 }, hint: index, limit, maxTimeMS: remainingMs })
      .read(readFrom)
      .lean()
      .exec()
  } catch (error) {
    throw error instanceof mongo.MongoServerError && error.code === timeOver ? tooMuch(error) : error
  }
}

const tooMuch = (cause?: unknown): Problem =>
  new Problem('service_unavailable', 'The search takes too long: ask for one conversation, a shorter time or rarer words', { cause })

const byNewest = (a: MessageDocument, b: MessageDocument): number =>
  b.createdAt.getTime() - a.createdAt.getTime() || b._id.toHexString().localeCompare(a._id.toHexString(), 'en')

const chunksOf = (places: readonly Beginning[]): Beginning[][] =>
  Array.from({ length: Math.ceil(places.length / mostAtOnce) }, (_, n) => places.slice(n * mostAtOnce, (n + 1) * mostAtOnce))
