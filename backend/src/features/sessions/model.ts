import { Schema, type Types } from 'mongoose'

export interface Device {
  name: string
  platform?: string | undefined
  appVersion?: string | undefined
}

export interface SessionDocument {
  _id: Types.ObjectId
  userId: Types.ObjectId
  device: Device | null
  /** SHA-256 of the refresh token, base64url: who reads the database cannot sign in. */
  refreshHash: string
  createdAt: Date
  lastSeenAt: Date
  expiresAt: Date
}

export const sessionSchema = new Schema<SessionDocument>(
  {
    userId: { type: Schema.Types.ObjectId, required: true },
    device: { type: new Schema({ name: String, platform: String, appVersion: String }, { _id: false }), default: null },
    refreshHash: { type: String, required: true },
    createdAt: { type: Date, required: true },
    lastSeenAt: { type: Date, required: true },
    expiresAt: { type: Date, required: true },
  },
  { collection: 'sessions', versionKey: false },
)
sessionSchema.index({ refreshHash: 1 }, { name: 'refresh_hash', unique: true })
sessionSchema.index({ userId: 1, lastSeenAt: -1 }, { name: 'user_last_seen' })
// A session carries no outbox, so the database may remove it by itself.
sessionSchema.index({ expiresAt: 1 }, { name: 'expires_at', expireAfterSeconds: 0 })
