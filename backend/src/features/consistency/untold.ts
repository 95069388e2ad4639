import type { Types } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { OutboxEntry, WithOutbox } from '../../realtime/outbox-entry.js'
import { untoldIndex } from '../messages/index.js'
import { type Collection, type Difference, mostDifferences } from './difference.js'
import type { Stored } from './stored.js'
import type { Deadline } from './until.js'

/** The sweeper tells what a living worker left after one minute, and it is forgotten 45 s later. */
const staleMs = 5 * 60_000

type Row = WithOutbox & { readonly _id: Types.ObjectId; readonly seq?: number; readonly userId?: Types.ObjectId }

/** What a conversation, its messages and its receipts have had to tell for too long. */
export const untoldIn = async (stored: Stored, conversationId: Types.ObjectId, deadline: Deadline): Promise<Difference[]> => {
  const before = new Date(Date.now() - staleMs)
  const options = () =>
    ({
      projection: { outbox: 1, seq: 1, userId: 1 },
      readPreference: 'primary',
      limit: mostDifferences,
      maxTimeMS: deadline.leftMs(),
    }) as const
  const stale = { 'outbox.at': { $lt: before } }
  const [conversations, messages, receipts] = await Promise.all([
    stored
      .conversations()
      .find<Row>({ _id: conversationId, ...stale }, options())
      .toArray(),
    stored
      .messages()
      .find<Row>({ conversationId, outbox: { $exists: true }, ...stale }, { ...options(), hint: untoldIndex })
      .toArray(),
    stored
      .receipts()
      .find<Row>({ conversationId, ...stale }, options())
      .toArray(),
  ])
  return [
    ...differences('conversations', conversations, before),
    ...differences('messages', messages, before),
    ...differences('receipts', receipts, before),
  ]
}

const differences = (collection: Collection, rows: readonly Row[], before: Date): Difference[] =>
  rows.flatMap((row) => (row.outbox ?? []).filter(({ at }) => at < before).map((entry) => differenceOf(collection, row, entry)))

const differenceOf = (collection: Collection, { _id, seq, userId }: Row, { type, at }: OutboxEntry): Difference => ({
  kind: 'untold',
  document: { collection, id: _id.toHexString() },
  ...(seq !== undefined && { seq }),
  ...(userId && { userId: userId.toHexString() }),
  stored: `${type} of ${at.toISOString()}`,
  expected: null,
})

/** Hands what is stale to a worker that lives: the sweeper publishes it within seconds. @returns whether there was something */
export const handOver = async (
  stored: Stored,
  { collection, id }: NonNullable<Difference['document']>,
  worker: string,
): Promise<boolean> => {
  const before = new Date(Date.now() - staleMs)
  const { modifiedCount } = await stored
    .untold(collection)
    .updateOne(
      { _id: toObjectId(id), 'outbox.at': { $lt: before } },
      { $set: { 'outbox.$[stale].worker': worker } },
      { arrayFilters: [{ 'stale.at': { $lt: before } }] },
    )
  return modifiedCount > 0
}
