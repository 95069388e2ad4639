import { Schema, type Types } from 'mongoose'
import { outboxField, outboxIndex, type WithOutbox } from '../../realtime/outbox-entry.js'

/** One person's block of another. It stays for a while after it was lifted: that has to be told. */
export interface BlockDocument extends WithOutbox {
  _id: Types.ObjectId
  blockerId: Types.ObjectId
  blockedId: Types.ObjectId
  /** The two ids, the lower first: either way of a pair is found by it. */
  pair: string
  active: boolean
  createdAt: Date
  liftedAt?: Date
  /** When an outbox entry was forgotten last. */
  changedAt?: Date
}

export const blockSchema = new Schema<BlockDocument>(
  {
    blockerId: { type: Schema.Types.ObjectId, required: true },
    blockedId: { type: Schema.Types.ObjectId, required: true },
    pair: { type: String, required: true },
    active: { type: Boolean, required: true },
    createdAt: { type: Date, required: true },
    liftedAt: Date,
    changedAt: Date,
    outbox: outboxField,
  },
  { collection: 'blocks', versionKey: false },
)
// One a pair and direction, however many devices block at once.
blockSchema.index({ blockerId: 1, blockedId: 1 }, { name: 'blocker_blocked', unique: true })
// Whom a person has blocked, the latest first.
blockSchema.index({ blockerId: 1, createdAt: -1, _id: -1 }, { name: 'blocker_created' })
// Whether two are kept apart.
blockSchema.index({ pair: 1 }, { name: 'pair' })
blockSchema.index(...outboxIndex)
