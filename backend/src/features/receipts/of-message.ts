import type { Model, Types } from 'mongoose'
import type { Member } from '../conversations/index.js'
import type { MessageDocument } from '../messages/index.js'
import type { ReceiptDocument, Step } from './model.js'

interface Receipt {
  readonly userId: Types.ObjectId
  readonly at: Date
}

/** Who has received a message, and who has read it; the earliest first. */
export interface MessageReceipts {
  readonly deliveredTo: readonly Receipt[]
  readonly readBy: readonly Receipt[]
}

interface Found {
  readonly userId: Types.ObjectId
  readonly delivered?: Step
  readonly read?: Step
}

/** The step by which a watermark came to a seq or past it. */
const stepTo = (steps: 'deliveredSteps' | 'readSteps', seq: number) => ({
  $arrayElemAt: [{ $filter: { input: `$${steps}`, cond: { $gte: ['$$this.seq', seq] } } }, 0],
})

/** What the members' watermarks say of a message: of those who were there when it came, without its sender. */
export const receiptsOfMessage = async (
  receipts: Model<ReceiptDocument>,
  { conversationId, seq, senderId }: Pick<MessageDocument, 'conversationId' | 'seq' | 'senderId'>,
  members: readonly Member[],
): Promise<MessageReceipts> => {
  const others = members.filter(({ userId, joinedSeq }) => !userId.equals(senderId) && joinedSeq < seq)
  const found = await receipts.aggregate<Found>([
    { $match: { conversationId, userId: { $in: others.map(({ userId }) => userId) }, deliveredSeq: { $gte: seq } } },
    { $project: { _id: 0, userId: 1, delivered: stepTo('deliveredSteps', seq), read: stepTo('readSteps', seq) } },
  ])
  const timesOf = (which: 'delivered' | 'read') =>
    found
      .flatMap(({ userId, [which]: step }) => (step ? [{ userId, at: step.at }] : []))
      .toSorted((one, other) => one.at.getTime() - other.at.getTime())
  return { deliveredTo: timesOf('delivered'), readBy: timesOf('read') }
}
