import type { Model, QueryFilter } from 'mongoose'
import { z } from 'zod'
import { Id, toObjectId } from '../../http/ids.js'
import { decodeCursor, encodeCursor } from '../../http/page.js'
import { type SessionDocument, userIndex } from './model.js'

/** More than these and the one that was not used for longest ends. */
const mostSessions = 100
/** So many end at one sign-in: more are too many at once only where many sign in at the same moment, and each of them ends some. */
const mostSurplus = 50

const Cursor = z.tuple([z.literal('session'), Id])

const living = (userId: string, now = new Date()): QueryFilter<SessionDocument> => ({
  userId: toObjectId(userId),
  revokedAt: { $exists: false },
  expiresAt: { $gt: now },
})

/** A page of a person's sessions that have not ended, newest first. @throws Problem validation_failed for a cursor that is none */
export const listSessions = async (
  sessions: Model<SessionDocument>,
  userId: string,
  { cursor, limit }: { cursor?: string | undefined; limit: number },
): Promise<{ items: SessionDocument[]; nextCursor: string | null }> => {
  const before = cursor === undefined ? undefined : decodeCursor(Cursor, cursor)[1]
  const found = await sessions
    .find({ ...living(userId), ...(before !== undefined && { _id: { $lt: toObjectId(before) } }) })
    .sort({ _id: -1 })
    .hint(userIndex)
    .limit(limit + 1)
    .read('primary')
    .lean()
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items, nextCursor: found.length > limit && last ? encodeCursor(['session', last._id.toHexString()]) : null }
}

/** Those that are too many: by when they were used last, the longest ago. */
export const surplusSessions = async (sessions: Model<SessionDocument>, userId: string): Promise<string[]> => {
  const surplus = await sessions
    .find(living(userId), { _id: 1 })
    .sort({ lastSeenAt: -1, _id: -1 })
    .skip(mostSessions)
    .limit(mostSurplus)
    .read('primary')
    .lean()
  return surplus.map(({ _id }) => _id.toHexString())
}
