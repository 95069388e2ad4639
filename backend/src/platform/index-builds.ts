import type { mongo } from 'mongoose'
import { z } from 'zod'

const deadlineMs = 2000

/** A phase of an index build, as $currentOp of mongod tells it. */
const Build = z.object({ progress: z.object({ done: z.number(), total: z.number().positive() }) })

/** How far along an operation is that $currentOp tells of; undefined where it does not say. */
export const percentOf = (operation: unknown): number | undefined => {
  const { data } = Build.safeParse(operation)
  return data && Math.min(Math.floor((100 * data.progress.done) / data.progress.total), 100)
}

/**
 * How far mongod is with an index of a collection, in the phase that it is in, in percent; undefined where it does not say: another engine, or a user
 * who may not ask (`inprog`).
 */
export const percentBuilt = async (client: mongo.MongoClient, database: string, collection: string): Promise<number | undefined> => {
  const operations = await client
    .db('admin')
    .aggregate([
      { $currentOp: { allUsers: true, idleConnections: false } },
      { $match: { ns: { $in: [`${database}.${collection}`, `${database}.$cmd`] }, msg: /^Index Build/, progress: { $exists: true } } },
      { $limit: 1 },
    ])
    .maxTimeMS(deadlineMs)
    .toArray()
    .catch(() => [])
  return percentOf(operations[0])
}
