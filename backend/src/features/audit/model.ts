import { Schema, type Types } from 'mongoose'
import type { Origin } from '../../http/endpoint.js'

export const actorKinds = ['user', 'admin', 'service', 'operator', 'system'] as const
export const outcomes = ['done', 'refused'] as const

/** Who did it: a person, an administrator, a machine with a key, the operator at the command line, or the server by itself. */
interface Actor {
  readonly kind: (typeof actorKinds)[number]
  readonly id?: string
}

/** What happened, in words that do not change: `login`, `session.revoked`, `user.suspended`. */
export interface AuditEntry {
  readonly action: string
  readonly outcome: (typeof outcomes)[number]
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
    outcome: { type: String, enum: outcomes, required: true },
    actor: { ...part, required: true },
    target: part,
    origin: part,
    detail: part,
    at: { type: Date, required: true },
  },
  { collection: 'audit', versionKey: false },
)
const keptSeconds = 90 * 86_400
auditSchema.index({ at: 1 }, { name: 'at', expireAfterSeconds: keptSeconds })
// The list, newest first, by whatever it is filtered.
auditSchema.index({ at: -1, _id: -1 }, { name: 'newest' })
auditSchema.index({ 'actor.id': 1, at: -1, _id: -1 }, { name: 'actor_at' })
auditSchema.index({ 'target.id': 1, at: -1, _id: -1 }, { name: 'target_at' })
auditSchema.index({ action: 1, at: -1, _id: -1 }, { name: 'action_at' })
// How often something was refused lately to one address.
auditSchema.index({ 'origin.ip': 1, action: 1, outcome: 1, at: -1 }, { name: 'origin_at' })

const changes = [
  'updateOne',
  'updateMany',
  'findOneAndUpdate',
  'replaceOne',
  'findOneAndReplace',
  'deleteOne',
  'deleteMany',
  'findOneAndDelete',
] as const
auditSchema.pre([...changes], () => {
  throw new Error('The audit log is appended to, never changed')
})
