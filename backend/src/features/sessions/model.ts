import { Schema, type Types } from 'mongoose'
import { outboxField, outboxIndex, type WithOutbox } from '../../realtime/outbox-entry.js'

export interface Device {
  name: string
  platform?: string | undefined
  appVersion?: string | undefined
}

/** A refresh token that was traded a moment ago. */
export interface UsedToken {
  readonly hash: string
  readonly at: Date
  /** What it was traded for, sealed under the token itself. */
  readonly pair: string
}

export interface SessionDocument extends WithOutbox {
  _id: Types.ObjectId
  userId: Types.ObjectId
  /** The person's role when they signed in: a change of it ends their sessions. */
  role?: 'admin'
  device: Device | null
  /** Where it was signed in from, or refreshed last. */
  ip?: string
  place?: string
  /** SHA-256, base64url, of what all refresh tokens of the session begin with: who reads the database cannot sign in. */
  familyHash: string
  /** The same of the one that is good. */
  refreshHash: string
  /** Oldest first; each for some seconds. */
  used?: UsedToken[]
  createdAt: Date
  lastSeenAt: Date
  expiresAt: Date
  /** Set once: the session has ended before its time. Its document stays until `expiresAt`. */
  revokedAt?: Date
}

export const userIndex = 'user_last_seen'

export const sessionSchema = new Schema<SessionDocument>(
  {
    userId: { type: Schema.Types.ObjectId, required: true },
    role: { type: String, enum: ['admin'] },
    device: { type: new Schema({ name: String, platform: String, appVersion: String }, { _id: false }), default: null },
    ip: String,
    place: String,
    familyHash: { type: String, required: true },
    refreshHash: { type: String, required: true },
    used: { type: [{ _id: false, hash: String, at: Date, pair: String }], default: undefined },
    createdAt: { type: Date, required: true },
    lastSeenAt: { type: Date, required: true },
    expiresAt: { type: Date, required: true },
    revokedAt: Date,
    outbox: outboxField,
  },
  { collection: 'sessions', versionKey: false },
)
sessionSchema.index({ familyHash: 1 }, { name: 'family_hash', unique: true })
sessionSchema.index({ userId: 1, lastSeenAt: -1 }, { name: userIndex })
// The database may remove a session by itself: revoking, which alone writes to the outbox, keeps it for long enough to be told.
sessionSchema.index({ expiresAt: 1 }, { name: 'expires_at', expireAfterSeconds: 0 })
// What a worker reads that may have missed some. Sparse: few are.
sessionSchema.index({ revokedAt: -1 }, { name: 'revoked_at', sparse: true })
sessionSchema.index(...outboxIndex)
