import { Schema, type Types } from 'mongoose'
import { outboxField, outboxIndex, type WithOutbox } from '../../realtime/outbox-entry.js'

/** When a watermark came to be at `seq`, by the database's clock. */
export interface Step {
  seq: number
  at: Date
}

/** How far one member of a conversation has received and read. */
export interface ReceiptDocument extends WithOutbox {
  _id: Types.ObjectId
  conversationId: Types.ObjectId
  userId: Types.ObjectId
  /** Never below readSeq. */
  deliveredSeq: number
  readSeq: number
  /** The newest, by which the time of a message is told; what is older counts as the oldest that is kept. */
  deliveredSteps: Step[]
  readSteps: Step[]
  /** By the database's clock. */
  changedAt?: Date
}

const stepSchema = new Schema<Step>({ seq: { type: Number, required: true }, at: { type: Date, required: true } }, { _id: false })

export const receiptSchema = new Schema<ReceiptDocument>(
  {
    conversationId: { type: Schema.Types.ObjectId, required: true },
    userId: { type: Schema.Types.ObjectId, required: true },
    deliveredSeq: { type: Number, required: true },
    readSeq: { type: Number, required: true },
    deliveredSteps: { type: [stepSchema], required: true },
    readSteps: { type: [stepSchema], required: true },
    changedAt: Date,
    outbox: outboxField,
  },
  { collection: 'receipts', versionKey: false },
)
// One a member, however many devices and workers raise it at once; also: the members' of a conversation.
receiptSchema.index({ conversationId: 1, userId: 1 }, { name: 'conversation_user', unique: true })
// All of a person, for when they go.
receiptSchema.index({ userId: 1 }, { name: 'user' })
receiptSchema.index(...outboxIndex)
