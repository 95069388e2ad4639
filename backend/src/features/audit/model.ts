import { Schema, type Types } from 'mongoose'
import type { Origin } from '../../http/endpoint.js'

/** Who did it: a person, an administrator, a machine with a key, the operator at the command line, or the server by itself. */
interface Actor {
  readonly kind: 'user' | 'admin' | 'service' | 'operator' | 'system'
  readonly id?: string
}

/** What happened, in words that do not change: `login`, `session.revoked`, `user.suspended`. */
export interface AuditEntry {
  readonly action: string
  readonly outcome: 'done' | 'refused'
  readonly actor: Actor
  readonly target?: { readonly kind: string; readonly id: string }
  readonly origin?: Origin
  /** No secret, no phone in full, no text that a person wrote. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>
}

export interface AuditDocument extends AuditEntry {
  _id: Types.ObjectId
  at: Date
}

const part = { type: Schema.Types.Mixed }

export const auditSchema = new Schema<AuditDocument>(
  {
    action: { type: String, required: true },
    outcome: { type: String, required: true },
    actor: { ...part, required: true },
    target: part,
    origin: part,
    detail: part,
    at: { type: Date, required: true },
  },
  { collection: 'audit', versionKey: false },
)
const keptSeconds = 90 * 86_400
auditSchema.index({ at: -1 }, { name: 'at', expireAfterSeconds: keptSeconds })
auditSchema.index({ 'actor.id': 1, at: -1 }, { name: 'actor_at' })
auditSchema.index({ 'target.id': 1, at: -1 }, { name: 'target_at' })
auditSchema.index({ action: 1, at: -1 }, { name: 'action_at' })
