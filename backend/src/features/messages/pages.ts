import type { Model, QueryFilter, Types } from 'mongoose'
import { changedIndex, type MessageDocument, seqIndex, untoldIndex } from './model.js'
import type { Position } from './position.js'

/** Of a conversation's messages. */
interface Question {
  readonly messages: Model<MessageDocument>
  readonly conversationId: Types.ObjectId
  /** Of what the reader may see. */
  readonly firstSeq: number
  readonly limit: number
}

/** Ascending by seq; `next` is where the page after it begins, undefined at the end. */
interface Page {
  readonly items: MessageDocument[]
  readonly next: Position | undefined
}

/** From the primary: what was acknowledged is there. */
export const readPage = (question: Question, position: Position): Promise<Page> =>
  position.length === 2 ? pageBySeq(question, ...position) : pageOfChanges(question, ...position)

const pageBySeq = async (question: Question, direction: 'before' | 'after', seq: number): Promise<Page> => {
  const back = direction === 'before'
  const range = { seq: back ? { $lt: seq, $gte: question.firstSeq } : { $gte: Math.max(seq + 1, question.firstSeq) } }
  const found = await find(question, range, { seq: back ? -1 : 1 }, seqIndex, question.limit + 1)
  const page = found.slice(0, question.limit)
  const last = found.length > question.limit ? page.at(-1) : undefined
  return { items: back ? page.toReversed() : page, next: last && [direction, last.seq] }
}

/**
 * What has changed since: first what has something to tell, by seq, which its changedAt says nothing certain of; then the rest, by changedAt.
 * Whatever changes meanwhile goes to the end of that order, so it may come twice and is never missed.
 */
const pageOfChanges = async (question: Question, from: 'pending' | 'changed', sinceMs: number, seq: number): Promise<Page> => {
  const { limit } = question
  const since = new Date(sinceMs)
  const pending = from === 'pending' ? await findPending(question, seq) : []
  const last = pending[limit - 1]
  if (last && pending.length > limit) return { items: pending.slice(0, limit), next: ['pending', sinceMs, last.seq] }
  const afterSeq = from === 'pending' ? 0 : seq
  const room = limit - pending.length
  const changed = await findChanged(question, since, afterSeq, room + 1)
  const shown = changed.slice(0, room)
  const byId = new Map([...pending, ...shown].map((message) => [message._id.toHexString(), message]))
  const { changedAt = since, seq: reached = afterSeq } = shown.at(-1) ?? {}
  return {
    items: [...byId.values()].toSorted((a, b) => a.seq - b.seq),
    next: changed.length > room ? ['changed', changedAt.getTime(), reached] : undefined,
  }
}

const findPending = (question: Question, afterSeq: number): Promise<MessageDocument[]> =>
  find(
    question,
    { outbox: { $exists: true }, seq: { $gte: Math.max(afterSeq + 1, question.firstSeq) } },
    { seq: 1 },
    untoldIndex,
    question.limit + 1,
  )

/** In the order of the index. `$nor` leaves one range of it to be read, in which an `$or` would end. */
const findChanged = (question: Question, since: Date, afterSeq: number, limit: number): Promise<MessageDocument[]> => {
  const { firstSeq } = question
  const filter = {
    changedAt: { $gte: since },
    $nor: [{ changedAt: since, seq: { $lte: afterSeq } }],
    ...(firstSeq > 1 && { seq: { $gte: firstSeq } }),
  }
  return find(question, filter, { changedAt: 1, seq: 1 }, changedIndex, limit)
}

/** By the index named: a planner without statistics may sort the whole conversation instead. */
const find = (
  { messages, conversationId }: Question,
  filter: QueryFilter<MessageDocument>,
  order: Record<string, 1 | -1>,
  index: string,
  limit: number,
): Promise<MessageDocument[]> =>
  messages
    .find({ conversationId, ...filter }, { edits: 0, outbox: 0, words: 0 }, { sort: order, hint: index, limit })
    .read('primary')
    .lean()
    .exec()
