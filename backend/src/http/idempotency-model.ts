import { Schema, type Types } from 'mongoose'

/** A request that was made under an Idempotency-Key. */
export interface IdempotencyDocument {
  /** Whose, and a hash of the key. */
  _id: string
  /** Of the method, the path and the body: tells a retry from another request. */
  requestHash: string
  /** What the request makes has this id, however often it is begun anew. */
  newId: Types.ObjectId
  /** Until then somebody is at work on it; then whoever asks again is. */
  busyUntil: Date
  /** Absent until there is one, and where it is not kept. The body is JSON. */
  answer?: { status: number; body: string }
  expiresAt: Date
}

export const idempotencySchema = new Schema<IdempotencyDocument>(
  {
    _id: { type: String, required: true },
    requestHash: { type: String, required: true },
    newId: { type: Schema.Types.ObjectId, required: true },
    busyUntil: { type: Date, required: true },
    answer: { type: { _id: false, status: Number, body: String }, default: undefined },
    expiresAt: { type: Date, required: true },
  },
  { collection: 'idempotency_keys', versionKey: false },
)
idempotencySchema.index({ expiresAt: 1 }, { name: 'expires_at', expireAfterSeconds: 0 })
