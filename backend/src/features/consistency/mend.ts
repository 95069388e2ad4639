import type { Types } from 'mongoose'
import type { Difference } from './difference.js'
import { mendWatermarkAhead, mendWatermarkBehind, removeStranger } from './mend-receipts.js'
import type { Stored } from './stored.js'
import { handOver } from './untold.js'

export interface Mending {
  readonly stored: Stored
  readonly conversationId: Types.ObjectId
  /** What is handed over is handed to this worker. */
  readonly worker: string
}

/**
 * Mends what is derived, where it still is as it was found. A message that is not there, one that is there twice, and what a conversation says
 * of its members cannot be told from anything else, and stays.
 * @returns whether it was mended
 */
export const mend = async (mending: Mending, difference: Difference): Promise<boolean> => {
  const { stored, conversationId, worker } = mending
  switch (difference.kind) {
    case 'last_seq':
      return mendLastSeq(mending, Number(difference.stored), Number(difference.expected))
    case 'last_message_at':
      return mendLastMessageAt(mending, new Date(String(difference.stored)), new Date(String(difference.expected)))
    case 'watermark_ahead':
      return mendWatermarkAhead(stored.receipts(), conversationId, difference)
    case 'watermark_behind':
      return mendWatermarkBehind(stored.receipts(), conversationId, difference, worker)
    case 'receipt_of_stranger':
      return removeStranger(stored.receipts(), conversationId, difference)
    case 'untold':
      return difference.document !== undefined && handOver(stored, difference.document, worker)
    case 'seq_missing':
    case 'seq_doubled':
    case 'member_twice':
    case 'member_ahead':
      return false
  }
}

const changed = { $currentDate: { changedAt: true } } as const

/** What was committed meanwhile was held back by a `lastSeq` that was too high: so it is raised once more, by a head that is read afterwards. */
const mendLastSeq = async ({ stored, conversationId }: Mending, was: number, expected: number): Promise<boolean> => {
  const conversations = stored.conversations()
  const lowered = await conversations.updateOne({ _id: conversationId, lastSeq: was }, { $set: { lastSeq: expected }, ...changed })
  const head = await stored.head(conversationId)
  const raised = await conversations.updateOne({ _id: conversationId, lastSeq: { $lt: head } }, { $max: { lastSeq: head }, ...changed })
  return lowered.modifiedCount + raised.modifiedCount > 0
}

const mendLastMessageAt = async ({ stored, conversationId }: Mending, was: Date, expected: Date): Promise<boolean> => {
  const conversations = stored.conversations()
  const filter = { _id: conversationId, lastMessageAt: was }
  const set = await conversations.updateOne(filter, { $set: { lastMessageAt: expected }, ...changed })
  const newest = await stored.newestAt(conversationId)
  if (newest) await conversations.updateOne({ _id: conversationId }, { $max: { lastMessageAt: newest }, ...changed })
  return set.modifiedCount > 0
}
