import type { Model, QueryFilter } from 'mongoose'
import { z } from 'zod'
import { Id, toObjectId } from '../../http/ids.js'
import { decodeCursor, encodeCursor } from '../../http/page.js'
import type { AuditDocument, AuditEntry } from './model.js'
import type { AuditQuery } from './schema.js'

const latestMs = 8.64e15 // ECMA-262, 21.4.1.1: the last moment that a Date can hold
const Cursor = z.tuple([z.int().min(0).max(latestMs), Id])

/** What was done that matters to safety: who, what, to whom, when, from where, with what outcome. Appended to, never changed; kept for 90 days. */
export class AuditLog {
  readonly #entries: Model<AuditDocument>
  readonly #listeners: ((entry: AuditDocument) => void)[] = []
  constructor(deps: { readonly entries: Model<AuditDocument> }) {
    this.#entries = deps.entries
  }

  /** @throws where the database is away: what cannot be recorded is not answered as done */
  async record(entry: AuditEntry): Promise<void> {
    const created = await this.#entries.create({ ...entry, at: new Date() })
    for (const listener of this.#listeners) listener(created.toObject())
  }

  /** Calls back for each entry that this worker has recorded. */
  onRecorded(listener: (entry: AuditDocument) => void): void {
    this.#listeners.push(listener)
  }

  /** A page of what fits the filters, newest first. `from` is included, `to` is not. @throws Problem validation_failed for a cursor that is none */
  async list({
    actor,
    target,
    action,
    from,
    to,
    cursor,
    limit,
  }: AuditQuery): Promise<{ items: AuditDocument[]; nextCursor: string | null }> {
    const filter: QueryFilter<AuditDocument> = {
      ...(actor !== undefined && { 'actor.id': actor }),
      ...(target !== undefined && { 'target.id': target }),
      ...(action !== undefined && { action }),
      at: { ...(from && { $gte: from }), $lt: to ?? new Date(latestMs) }, // DocumentDB reads an index in order only where something asks for its first field
    }
    const found = await this.#entries
      .find({ ...filter, ...(cursor !== undefined && { $and: [olderThan(cursor)] }) })
      .sort({ at: -1, _id: -1 })
      .hint(target !== undefined ? 'target_at' : actor !== undefined ? 'actor_at' : action !== undefined ? 'action_at' : 'newest')
      .limit(limit + 1)
      .read('primary')
      .lean()
    const items = found.slice(0, limit)
    const last = items.at(-1)
    const nextCursor = found.length > limit && last ? encodeCursor([last.at.getTime(), last._id.toHexString()]) : null
    return { items, nextCursor }
  }

  /** How many entries there are since a moment, counted up to `most`. */
  async countSince(filter: QueryFilter<AuditDocument>, since: Date, most: number): Promise<number> {
    return this.#entries
      .countDocuments({ ...filter, at: { $gt: since } })
      .limit(most)
      .read('primary')
  }
}

const olderThan = (cursor: string): QueryFilter<AuditDocument> => {
  const [milliseconds, id] = decodeCursor(Cursor, cursor)
  const at = new Date(milliseconds)
  return { at: { $lte: at }, $or: [{ at: { $lt: at } }, { _id: { $lt: toObjectId(id) } }] }
}
