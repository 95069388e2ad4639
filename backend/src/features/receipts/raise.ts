import type { mongo } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { withDeadline } from '../../platform/deadline.js'
import { isDuplicateKey } from '../../platform/duplicate-key.js'
import type { OutboxEntry } from '../../realtime/outbox-entry.js'
import type { ReceiptDocument } from './model.js'

/** A member's watermarks are to be at least here. */
export interface Rise {
  readonly conversationId: string
  readonly userId: string
  /** Not below readSeq. */
  readonly deliveredSeq: number
  readonly readSeq: number
  /** False where another event says it already: a message, that its sender has read up to it. */
  readonly tell: boolean
}

const mostSteps = 100
const writeConflict = 112
const mostAttempts = 5

type Mark = 'deliveredSeq' | 'readSeq'

const before = (mark: Mark) => ({ $ifNull: [`$${mark}`, 0] })

const steps = (name: 'deliveredSteps' | 'readSteps', mark: Mark, seq: number) => {
  const known = { $ifNull: [`$${name}`, []] }
  const further = { $slice: [{ $concatArrays: [known, [{ seq, at: '$$NOW' }]] }, -mostSteps] }
  return { $cond: [{ $lt: [before(mark), seq] }, further, known] }
}

/**
 * What makes of a member's document, or of none, one that is at least so far. One that is, stays as it is. The entry takes the place of
 * what was still to be told: an event tells the whole state, so it supersedes those before it.
 */
const raised = ({ deliveredSeq, readSeq }: Rise, entry: OutboxEntry | undefined) => {
  const rises = { $or: [{ $lt: [before('deliveredSeq'), deliveredSeq] }, { $lt: [before('readSeq'), readSeq] }] }
  return [
    {
      $set: {
        deliveredSeq: { $max: [before('deliveredSeq'), deliveredSeq] },
        readSeq: { $max: [before('readSeq'), readSeq] },
        deliveredSteps: steps('deliveredSteps', 'deliveredSeq', deliveredSeq),
        readSteps: steps('readSteps', 'readSeq', readSeq),
        changedAt: { $cond: [rises, '$$NOW', '$changedAt'] },
        ...(entry && { outbox: { $cond: [rises, [{ $literal: entry }], '$outbox'] } }),
      },
    },
  ]
}

/**
 * Raises the watermarks of many members, of different conversations too, in one write; each by itself, in no order.
 * @param options.entry makes an entry for each member that is told of
 * @throws where it is not known, or not promised by a majority, that they are stored, or not in time
 */
export const raise = async (
  collection: mongo.Collection<ReceiptDocument>,
  rises: readonly Rise[],
  options: { readonly entry: () => OutboxEntry; readonly deadlineMs: number },
): Promise<void> => {
  const operations = rises.map((rise) => ({
    updateOne: {
      filter: { conversationId: toObjectId(rise.conversationId), userId: toObjectId(rise.userId) },
      update: raised(rise, rise.tell ? options.entry() : undefined),
      upsert: true,
    },
  }))
  for (let attempt = 1; ; attempt++) {
    try {
      await withDeadline(collection.bulkWrite(operations, { ordered: false }), options.deadlineMs, 'storing receipts')
      return
    } catch (error) {
      // Somebody else made a member's first at the same moment: again, which changes nothing of what is stored already.
      if (!isConflict(error) || attempt === mostAttempts) throw error
    }
  }
}

const isConflict = (error: unknown): boolean =>
  isDuplicateKey(error) || (error instanceof Error && 'code' in error && error.code === writeConflict)
