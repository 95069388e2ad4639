import { randomUUID } from 'node:crypto'
import { Schema } from 'mongoose'
import { currentRequestId } from '../platform/request-scope.js'
import type { EventType } from './catalogue.js'

/** An event that must be told, kept in the document that changed until it has been, in the order of the changes. */
export interface OutboxEntry {
  /** A UUID. */
  readonly eventId: string
  /** Who published it first; when its lease runs out another one does. */
  readonly worker: string
  readonly at: Date
  readonly type: EventType
  /** What the document itself does not say, or not for long: whom the event is about, who did it. */
  readonly data?: Readonly<Record<string, string>>
  /** The request that it comes of, for the log alone, where requests are followed; of several that are stored together, one. */
  readonly requestId?: string
}

/** A document that carries its own outbox; the field is absent while there is nothing to tell. */
export interface WithOutbox {
  outbox?: OutboxEntry[]
}

export const outboxEntry = (worker: string, type: EventType, at: Date, data?: Readonly<Record<string, string>>): OutboxEntry => {
  const requestId = currentRequestId()
  return { eventId: randomUUID(), worker, at, type, ...(data && { data }), ...(requestId !== undefined && { requestId }) }
}

/**
 * The id of what is told in place of an event that this version does not know: a newer worker left it, and after a rollback there is none any more to
 * tell it. Not the event's own, so that a newer worker which is there tells it all the same.
 */
export const idInPlaceOf = (eventId: string): string => `${eventId}:changed`

/** The id of an entry that is told as `known`: its own where it is of that type, else as `idInPlaceOf`. */
export const idAs = (known: EventType, { type, eventId }: Pick<OutboxEntry, 'type' | 'eventId'>): string =>
  type === known ? eventId : idInPlaceOf(eventId)

/** For a mongoose schema; the index that a sweep reads belongs to it: `outboxIndex`. */
export const outboxField = {
  type: [{ _id: false, eventId: String, worker: String, at: Date, type: { type: String }, data: Schema.Types.Mixed, requestId: String }],
  default: undefined,
}

/** Which documents have something to tell, by whose it is and since when. Sparse: most have nothing. */
export const outboxIndex = [
  { 'outbox.worker': 1, 'outbox.at': 1 },
  { name: 'outbox', sparse: true },
] as const
