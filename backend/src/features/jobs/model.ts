import { Schema, type Types } from 'mongoose'
import { outboxField, outboxIndex, type WithOutbox } from '../../realtime/outbox-entry.js'

const jobKinds = ['account_deletion', 'export'] as const
export type JobKind = (typeof jobKinds)[number]

/** Something that takes longer than a request, and is finished whichever worker dies. */
export interface JobDocument extends WithOutbox {
  _id: Types.ObjectId
  kind: JobKind
  /** Whose it is. */
  userId: Types.ObjectId
  status: 'waiting' | 'running' | 'done' | 'failed'
  /** What may go on once at a time: a job that is asked for again meanwhile is this one. Absent once it has ended. */
  liveKey?: string
  /** Where it has come to: what whoever takes it next goes on from. Its handler knows its shape. */
  state: unknown
  /** In percent. */
  progress: number
  /** How often it was begun. */
  attempts: number
  /** By the database's clock. While it waits: when it may be begun. While it runs: when its worker counts as dead. */
  dueAt: Date
  /** The attempt that holds it, a UUID: what another one writes is refused. */
  run?: string
  /** Why the last attempt failed, for operators. */
  lastError?: string
  createdAt: Date
  endedAt?: Date
  /** When the database removes it. Absent until it has ended. */
  expiresAt?: Date
  /** When an outbox entry was forgotten last. */
  changedAt?: Date
}

export const jobSchema = new Schema<JobDocument>(
  {
    kind: { type: String, enum: jobKinds, required: true },
    userId: { type: Schema.Types.ObjectId, required: true },
    status: { type: String, enum: ['waiting', 'running', 'done', 'failed'], required: true },
    liveKey: String,
    state: Schema.Types.Mixed,
    progress: { type: Number, required: true },
    attempts: { type: Number, required: true },
    dueAt: { type: Date, required: true },
    run: String,
    lastError: String,
    createdAt: { type: Date, required: true },
    endedAt: Date,
    expiresAt: Date,
    changedAt: Date,
    outbox: outboxField,
  },
  { collection: 'jobs', versionKey: false },
)
// One at a time, however many ask at once. Sparse: what has ended has none.
jobSchema.index({ liveKey: 1 }, { name: 'live_key', unique: true, sparse: true })
// What is to be begun, or taken over.
jobSchema.index({ status: 1, dueAt: 1 }, { name: 'status_due' })
// A person's, newest first.
jobSchema.index({ userId: 1, kind: 1, _id: -1 }, { name: 'user_kind' })
// It ended a week before: what it had to tell is told.
jobSchema.index({ expiresAt: 1 }, { name: 'expires_at', expireAfterSeconds: 0 })
jobSchema.index(...outboxIndex)
