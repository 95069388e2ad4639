import { randomBytes } from 'node:crypto'
import type { EventType } from './catalogue.js'

/** An event that must be told, kept in the document that changed until it has been, in the order of the changes. */
export interface OutboxEntry {
  readonly eventId: string
  /** Who published it first; when its lease runs out another one does. */
  readonly worker: string
  readonly at: Date
  readonly type: EventType
}

/** A document that carries its own outbox; the field is absent while there is nothing to tell. */
export interface WithOutbox {
  outbox?: OutboxEntry[]
}

export const outboxEntry = (worker: string, type: EventType, at: Date): OutboxEntry => ({
  eventId: randomBytes(12).toString('base64url'),
  worker,
  at,
  type,
})

/** For a mongoose schema; the index that a sweep reads belongs to it: `outboxIndex`. */
export const outboxField = {
  type: [{ _id: false, eventId: String, worker: String, at: Date, type: { type: String } }],
  default: undefined,
}

/** Which documents have something to tell, by whose it is and since when. Sparse: most have nothing. */
export const outboxIndex = [
  { 'outbox.worker': 1, 'outbox.at': 1 },
  { name: 'outbox', sparse: true },
] as const
