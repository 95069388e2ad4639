import { Schema, type Types } from 'mongoose'

export const reasons = ['spam', 'harassment', 'hate', 'violence', 'sexual', 'child_safety', 'illegal', 'impersonation', 'other'] as const
export const actions = ['dismissed', 'warned', 'suspended'] as const

/** A message as it was when it was reported, whatever becomes of it. */
interface ReportedMessage {
  messageId: Types.ObjectId
  seq: number
  senderId: Types.ObjectId
  /** Null where it was deleted by then. */
  text: string | null
  version: number
  createdAt: Date
}

interface Resolution {
  action: (typeof actions)[number]
  note: string | null
  by: Types.ObjectId
  at: Date
}

export interface ReportDocument {
  _id: Types.ObjectId
  reporterId: Types.ObjectId
  status: 'open' | 'resolved'
  /** Who is reported: the sender, of a message. Null for a conversation as such. */
  userId: Types.ObjectId | null
  conversationId: Types.ObjectId | null
  message: ReportedMessage | null
  reason: (typeof reasons)[number]
  text: string | null
  createdAt: Date
  resolution?: Resolution
}

const messageSchema = new Schema<ReportedMessage>(
  {
    messageId: { type: Schema.Types.ObjectId, required: true },
    seq: { type: Number, required: true },
    senderId: { type: Schema.Types.ObjectId, required: true },
    text: { type: String, default: null },
    version: { type: Number, required: true },
    createdAt: { type: Date, required: true },
  },
  { _id: false },
)

const resolutionSchema = new Schema<Resolution>(
  {
    action: { type: String, enum: actions, required: true },
    note: { type: String, default: null },
    by: { type: Schema.Types.ObjectId, required: true },
    at: { type: Date, required: true },
  },
  { _id: false },
)

export const reportSchema = new Schema<ReportDocument>(
  {
    reporterId: { type: Schema.Types.ObjectId, required: true },
    status: { type: String, enum: ['open', 'resolved'], required: true },
    userId: { type: Schema.Types.ObjectId, default: null },
    conversationId: { type: Schema.Types.ObjectId, default: null },
    message: { type: messageSchema, default: null },
    reason: { type: String, enum: reasons, required: true },
    text: { type: String, default: null },
    createdAt: { type: Date, required: true },
    resolution: { type: resolutionSchema, default: undefined },
  },
  { collection: 'reports', versionKey: false },
)
// What administrators list, newest first.
reportSchema.index({ status: 1, _id: -1 }, { name: 'status' })
// What people wrote to each other is not kept for ever.
const keptSeconds = 365 * 86_400
reportSchema.index({ 'resolution.at': 1 }, { name: 'resolution_at', expireAfterSeconds: keptSeconds, sparse: true })
