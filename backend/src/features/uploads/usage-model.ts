import { Schema, type Types } from 'mongoose'

/** How much a person has uploaded; one document a person, so that requests at once meet in it. */
export interface UploadUsageDocument {
  /** The person. */
  _id: Types.ObjectId
  /** Of all uploads that are there, or may come. */
  bytes: number
  /** In UTC: `2026-11-21`. */
  day: string
  /** Begun that day, whatever became of it. */
  dayBytes: number
  /** Counted, and not known to be stored: whoever died between the two left it. */
  open?: { uploadId: Types.ObjectId; size: number; at: Date }[]
  /** The newest that are not counted any more: none is taken off twice. */
  closed?: Types.ObjectId[]
}

export const openIndex = 'open_at'

export const uploadUsageSchema = new Schema<UploadUsageDocument>(
  {
    _id: { type: Schema.Types.ObjectId, required: true },
    bytes: { type: Number, required: true },
    day: { type: String, required: true },
    dayBytes: { type: Number, required: true },
    open: { type: [{ _id: false, uploadId: Schema.Types.ObjectId, size: Number, at: Date }], default: undefined },
    closed: { type: [Schema.Types.ObjectId], default: undefined },
  },
  { collection: 'upload_usage', versionKey: false },
)
// What was counted long ago and is open still. Sparse: most have nothing open.
uploadUsageSchema.index({ 'open.at': 1 }, { name: openIndex, sparse: true })
