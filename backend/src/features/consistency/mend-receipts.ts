import type { mongo, Types } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import { type ReceiptDocument, raise } from '../receipts/index.js'
import type { Difference } from './difference.js'

type Receipts = mongo.Collection<ReceiptDocument>

const deadlineMs = 10_000

const idsOf = (conversationId: Types.ObjectId, { userId = '' }: Difference) => ({ conversationId, userId: toObjectId(userId) })

/** Lowers both to the newest message. Steps past it are of no message. */
export const mendWatermarkAhead = async (receipts: Receipts, conversationId: Types.ObjectId, difference: Difference): Promise<boolean> => {
  const head = Number(difference.expected)
  const upTo = (steps: string) => ({ $filter: { input: `$${steps}`, cond: { $lte: ['$$this.seq', head] } } })
  const { modifiedCount } = await receipts.updateOne(
    { ...idsOf(conversationId, difference), $or: [{ deliveredSeq: { $gt: head } }, { readSeq: { $gt: head } }] },
    [
      {
        $set: {
          deliveredSeq: { $min: ['$deliveredSeq', head] },
          readSeq: { $min: ['$readSeq', head] },
          deliveredSteps: upTo('deliveredSteps'),
          readSteps: upTo('readSteps'),
          changedAt: '$$NOW',
        },
      },
    ],
  )
  return modifiedCount > 0
}

/** Raises it as a receipt would, and tells nobody: the message itself says that its sender has read up to it. */
export const mendWatermarkBehind = async (
  receipts: Receipts,
  conversationId: Types.ObjectId,
  { userId = '', field, expected }: Difference,
  worker: string,
): Promise<boolean> => {
  const seq = Number(expected)
  const rise = {
    conversationId: conversationId.toHexString(),
    userId,
    deliveredSeq: seq,
    readSeq: field === 'readSeq' ? seq : 0,
    tell: false,
  }
  await raise(receipts, [rise], { entry: () => outboxEntry(worker, 'receipt.updated', new Date()), deadlineMs })
  return true
}

/** Where it has nothing to tell, and has not moved since: whoever has come back meanwhile keeps it. */
export const removeStranger = async (receipts: Receipts, conversationId: Types.ObjectId, difference: Difference): Promise<boolean> => {
  const unmoved = { readSeq: Number(difference.stored), outbox: { $exists: false } }
  return (await receipts.deleteOne({ ...idsOf(conversationId, difference), ...unmoved })).deletedCount > 0
}
