import { Schema, type Types } from 'mongoose'
import { outboxField, outboxIndex, type WithOutbox } from '../../realtime/outbox-entry.js'

export const purposes = ['attachment', 'avatar'] as const
export type Purpose = (typeof purposes)[number]

export const statuses = ['pending', 'ready', 'refused', 'removed'] as const
type Status = (typeof statuses)[number]

/** A file that somebody uploads, or has (docs/adr/0012-uploads.md). */
export interface UploadDocument extends WithOutbox {
  _id: Types.ObjectId
  ownerId: Types.ObjectId
  purpose: Purpose
  fileName: string
  /** As it was announced; once it is ready, as what is served. */
  contentType: string
  /** Bytes, as they were announced: what the quota counts. */
  size: number
  /** Of what was announced, in base64. */
  sha256: string
  status: Status
  /** The storage's own id, while it comes in parts. */
  multipart?: { uploadId: string; partBytes: number }
  /** Who checks it at present: the id of an attempt, and until when it counts as alive. */
  claim?: { attempt: Types.ObjectId; until: Date }
  /** Each writes below a key of its own, so that one that was given up for dead cannot write over another one's. */
  attempts?: Types.ObjectId[]
  /** The attempt whose files are served. */
  servedFrom?: Types.ObjectId
  /** Bytes of what is served, where that is not what came: an image without what told of its place. */
  servedSize?: number
  width?: number
  height?: number
  thumbnail?: { width: number; height: number; contentType: string }
  /** Why it was refused; for people. */
  refusal?: string
  /** Where it has been attached, or is an avatar: what is there now says whether it is still. */
  conversations?: Types.ObjectId[]
  /** When it was last about to be attached, or to become an avatar. */
  usedAt?: Date
  /** When it is to be looked at whether it is still needed. */
  sweepAt: Date
  createdAt: Date
  readyAt?: Date
  /** When an outbox entry was forgotten last. */
  changedAt?: Date
}

export const sweepIndex = 'sweep_at'

export const uploadSchema = new Schema<UploadDocument>(
  {
    ownerId: { type: Schema.Types.ObjectId, required: true },
    purpose: { type: String, enum: purposes, required: true },
    fileName: { type: String, required: true },
    contentType: { type: String, required: true },
    size: { type: Number, required: true },
    sha256: { type: String, required: true },
    status: { type: String, enum: statuses, required: true },
    multipart: { type: { _id: false, uploadId: String, partBytes: Number }, default: undefined },
    claim: { type: { _id: false, attempt: Schema.Types.ObjectId, until: Date }, default: undefined },
    attempts: { type: [Schema.Types.ObjectId], default: undefined },
    servedFrom: Schema.Types.ObjectId,
    servedSize: Number,
    width: Number,
    height: Number,
    thumbnail: { type: { _id: false, width: Number, height: Number, contentType: String }, default: undefined },
    refusal: String,
    conversations: { type: [Schema.Types.ObjectId], default: undefined },
    usedAt: Date,
    sweepAt: { type: Date, required: true },
    createdAt: { type: Date, required: true },
    readyAt: Date,
    changedAt: Date,
    outbox: outboxField,
  },
  { collection: 'uploads', versionKey: false },
)
// What the sweeper looks at next.
uploadSchema.index({ sweepAt: 1 }, { name: sweepIndex })
// A person's.
uploadSchema.index({ ownerId: 1, _id: 1 }, { name: 'owner' })
// Whose files are in the storage. Sparse: most of what is begun and left has none.
uploadSchema.index({ attempts: 1 }, { name: 'attempts', sparse: true })
uploadSchema.index(...outboxIndex)
