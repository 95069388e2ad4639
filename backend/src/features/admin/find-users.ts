import type { Model, QueryFilter } from 'mongoose'
import { z } from 'zod'
import { Id, toObjectId } from '../../http/ids.js'
import { decodeCursor, encodeCursor } from '../../http/page.js'
import type { ReadPreference } from '../../platform/read-preference.js'
import { foldName, notDeleted, type UserDocument } from '../users/index.js'
import type { UsersQuery } from './schema.js'

/** A list and its order: what is looked for decides by which index it is read. */
type Order = 'phone' | 'nameFolded' | 'suspendedAt' | '_id'

const latestMs = 8.64e15 // ECMA-262, 21.4.1.1: the last moment that a Date can hold
const Cursor = z.discriminatedUnion('by', [
  z.object({ by: z.enum(['phone', 'nameFolded']), last: z.string().max(500), id: Id }),
  z.object({ by: z.literal('suspendedAt'), last: z.int().min(0).max(latestMs), id: Id }),
  z.object({ by: z.literal('_id'), id: Id }),
])
type Cursor = z.infer<typeof Cursor>

/** A page of people: by phone or folded name where the beginning of one is asked for, the suspended latest first, else the newest first. @throws Problem validation_failed for a cursor of another list */
export const findUsers = async (
  users: Model<UserDocument>,
  query: UsersQuery,
  from: ReadPreference,
): Promise<{ items: UserDocument[]; nextCursor: string | null }> => {
  const { q, role, suspended, cursor, limit } = query
  const order = orderOf(query)
  const filter: QueryFilter<UserDocument> = {
    ...(q !== undefined && { [order]: beginningWith(order === 'phone' ? q : foldName(q)) }),
    ...(role !== undefined && { role: role === 'admin' ? role : { $exists: false } }),
    ...notDeleted,
    ...(suspended !== undefined && { suspendedAt: { $exists: suspended } }),
  }
  const direction = q === undefined ? -1 : 1
  const found = await users
    .find({ $and: [filter, ...(cursor === undefined ? [] : [after(order, cursor)])] })
    .sort({ [order]: direction, ...(order !== 'phone' && { _id: direction }) })
    .limit(limit + 1)
    .read(from)
    .lean()
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items, nextCursor: found.length > limit && last ? encodeCursor(cursorAt(order, last)) : null }
}

const orderOf = ({ q, suspended }: UsersQuery): Order => {
  if (q !== undefined) return /^\+\d/.test(q) ? 'phone' : 'nameFolded'
  return suspended ? 'suspendedAt' : '_id'
}

/** Nothing that a name or phone may have sorts after the last of these. */
const beginningWith = (text: string) => ({ $gte: text, $lt: `${text}\u{10FFFF}` })

const cursorAt = (by: Order, user: UserDocument): Cursor => {
  const id = user._id.toHexString()
  if (by === '_id') return { by, id }
  if (by === 'suspendedAt') return { by, last: user.suspendedAt?.getTime() ?? 0, id }
  return { by, last: user[by], id }
}

const after = (order: Order, text: string): QueryFilter<UserDocument> => {
  const cursor = decodeCursor(
    Cursor.refine(({ by }) => by === order),
    text,
  )
  const _id = toObjectId(cursor.id)
  if (cursor.by === '_id') return { _id: { $lt: _id } }
  if (cursor.by === 'suspendedAt') {
    const last = new Date(cursor.last)
    return { suspendedAt: { $lte: last }, $or: [{ suspendedAt: { $lt: last } }, { _id: { $lt: _id } }] }
  }
  const { by, last } = cursor
  return { [by]: { $gte: last }, $or: [{ [by]: { $gt: last } }, { _id: { $gt: _id } }] }
}
