import { Schema, type Types } from 'mongoose'
import type { Scope } from '../../http/endpoint.js'
import { outboxField, outboxIndex, type WithOutbox } from '../../realtime/outbox-entry.js'

export interface ApiKeyDocument extends WithOutbox {
  _id: Types.ObjectId
  /** What people call it. */
  name: string
  /** How it begins, to know it again by. */
  prefix: string
  /** SHA-256 of the key, base64url. */
  hash: string
  scopes: Scope[]
  createdBy: Types.ObjectId
  createdAt: Date
  expiresAt: Date
  lastUsedAt?: Date
  revokedAt?: Date
}

export const apiKeySchema = new Schema<ApiKeyDocument>(
  {
    name: { type: String, required: true },
    prefix: { type: String, required: true },
    hash: { type: String, required: true },
    scopes: { type: [String], required: true },
    createdBy: { type: Schema.Types.ObjectId, required: true },
    createdAt: { type: Date, required: true },
    expiresAt: { type: Date, required: true },
    lastUsedAt: Date,
    revokedAt: Date,
    outbox: outboxField,
  },
  { collection: 'api_keys', versionKey: false },
)
const keptAfterSeconds = 30 * 86_400 // who looks for what a key was finds it; and its end was told long ago
apiKeySchema.index({ hash: 1 }, { name: 'hash', unique: true })
apiKeySchema.index({ expiresAt: 1 }, { name: 'expires_at', expireAfterSeconds: keptAfterSeconds })
// What a worker reads that may have missed some.
apiKeySchema.index({ revokedAt: -1 }, { name: 'revoked_at', sparse: true })
apiKeySchema.index(...outboxIndex)
