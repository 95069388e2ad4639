import { type mongo, Schema, type Types } from 'mongoose'

/** A piece of an export's zip (docs/adr/0010-exports-in-the-database.md). */
export interface ExportPartDocument {
  _id: Types.ObjectId
  /** The job's. */
  exportId: Types.ObjectId
  /** The attempt that wrote it: one that was given up may write still. */
  attempt: number
  /** From 0. */
  index: number
  data: mongo.Binary
  /** A little after the export itself. */
  expiresAt: Date
}

export const exportPartSchema = new Schema<ExportPartDocument>(
  {
    exportId: { type: Schema.Types.ObjectId, required: true },
    attempt: { type: Number, required: true },
    index: { type: Number, required: true },
    data: { type: Schema.Types.Mixed, required: true },
    expiresAt: { type: Date, required: true },
  },
  { collection: 'export_parts', versionKey: false },
)
// An export's parts, in order.
exportPartSchema.index({ exportId: 1, attempt: 1, index: 1 }, { name: 'export_attempt_index', unique: true })
exportPartSchema.index({ expiresAt: 1 }, { name: 'expires_at', expireAfterSeconds: 0 })
