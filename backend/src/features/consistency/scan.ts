import type { mongo, Types } from 'mongoose'
import { type MessageDocument, seqIndex } from '../messages/index.js'
import { type Difference, mostDifferences } from './difference.js'
import type { Deadline } from './until.js'

/** What a conversation's messages say of it. */
export interface Scan {
  readonly messages: number
  /** The seq of the newest; 0 where there is none. */
  readonly head: number
  /** The latest time of a message. */
  readonly newestAt: Date | undefined
  /** By member: the seq of the newest message that they sent. */
  readonly sent: ReadonlyMap<string, number>
  /** What is wrong with their order. */
  readonly differences: readonly Difference[]
}

interface Row {
  readonly seq: number
  readonly senderId: Types.ObjectId
  readonly createdAt: Date
}

const pageSize = 2000

/**
 * Reads all messages of a conversation in the order of seq, a page at a time. While others write it finds no gap that is none: a message is there
 * only after the one before it is. @param members whose messages are noted @throws Problem service_unavailable past the deadline
 */
export const scan = async (
  messages: mongo.Collection<MessageDocument>,
  conversationId: Types.ObjectId,
  members: ReadonlySet<string>,
  deadline: Deadline,
): Promise<Scan> => {
  const differences: Difference[] = []
  const sent = new Map<string, number>()
  let [count, head, newestMs] = [0, 0, Number.NEGATIVE_INFINITY]
  for (;;) {
    const rows = await pageFrom(messages, conversationId, head, deadline)
    for (const { seq, senderId, createdAt } of count === 0 ? rows : rows.slice(1)) {
      const order = orderOf(head, seq)
      if (order && differences.length < mostDifferences) differences.push(order)
      count += 1
      head = seq
      newestMs = Math.max(newestMs, createdAt.getTime())
      const sender = senderId.toHexString()
      if (members.has(sender)) sent.set(sender, seq)
    }
    if (rows.length < pageSize) break
  }
  return { messages: count, head, newestAt: count === 0 ? undefined : new Date(newestMs), sent, differences }
}

/** From the last one of the page before on, so that a second one with its seq is seen. */
const pageFrom = (
  messages: mongo.Collection<MessageDocument>,
  conversationId: Types.ObjectId,
  seq: number,
  deadline: Deadline,
): Promise<Row[]> =>
  messages
    .find<Row>(
      { conversationId, seq: { $gte: seq } },
      {
        projection: { _id: 0, seq: 1, senderId: 1, createdAt: 1 },
        sort: { seq: 1 },
        hint: seqIndex,
        limit: pageSize,
        batchSize: pageSize,
        readPreference: 'primary',
        readConcern: { level: 'majority' },
        maxTimeMS: deadline.leftMs(),
      },
    )
    .toArray()

const orderOf = (before: number, seq: number): Difference | undefined => {
  if (seq === before) return { kind: 'seq_doubled', seq, stored: seq, expected: seq + 1 }
  return seq === before + 1 ? undefined : { kind: 'seq_missing', seq: before + 1, stored: null, expected: seq - 1 }
}
