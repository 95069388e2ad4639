import { Schema, type Types } from 'mongoose'
import { outboxField, outboxIndex, type WithOutbox } from '../../realtime/outbox-entry.js'

export interface Device {
  name: string
  platform?: string | undefined
  appVersion?: string | undefined
}

export interface SessionDocument extends WithOutbox {
  _id: Types.ObjectId
  userId: Types.ObjectId
  /** The person's role when they signed in: a change of it ends their sessions. */
  role?: 'admin'
  device: Device | null
  /** Where it was signed in from, or refreshed last. */
  ip?: string
  /** SHA-256 of the refresh token, base64url: who reads the database cannot sign in. */
  refreshHash: string
  createdAt: Date
  lastSeenAt: Date
  expiresAt: Date
  /** Set once: the session has ended before its time. Its document stays until `expiresAt`. */
  revokedAt?: Date
}

export const sessionSchema = new Schema<SessionDocument>(
  {
    userId: { type: Schema.Types.ObjectId, required: true },
    role: { type: String, enum: ['admin'] },
    device: { type: new Schema({ name: String, platform: String, appVersion: String }, { _id: false }), default: null },
    ip: String,
    refreshHash: { type: String, required: true },
    createdAt: { type: Date, required: true },
    lastSeenAt: { type: Date, required: true },
    expiresAt: { type: Date, required: true },
    revokedAt: Date,
    outbox: outboxField,
  },
  { collection: 'sessions', versionKey: false },
)
sessionSchema.index({ refreshHash: 1 }, { name: 'refresh_hash', unique: true })
sessionSchema.index({ userId: 1, lastSeenAt: -1 }, { name: 'user_last_seen' })
// The database may remove a session by itself: revoking, which alone writes to the outbox, keeps it for long enough to be told.
sessionSchema.index({ expiresAt: 1 }, { name: 'expires_at', expireAfterSeconds: 0 })
// What a worker reads that may have missed some. Sparse: few are.
sessionSchema.index({ revokedAt: -1 }, { name: 'revoked_at', sparse: true })
sessionSchema.index(...outboxIndex)
