import type { mongo } from 'mongoose'
import type { Config } from '../config.js'
import { type Context, createContext } from '../context.js'
import type { AuditEntry } from '../features/audit/index.js'
import { defaultJobTimes, type JobDocument, JobStore } from '../features/jobs/index.js'
import type { UserDocument } from '../features/users/index.js'
import { createIndexes } from '../platform/indexes.js'
import type { Logger } from '../platform/logger.js'
import { uriOfDatabase } from './database.js'
import { BackupError } from './errors.js'
import { brokenReferences } from './references.js'

export interface Settling {
  readonly config: Config
  readonly logger: Logger
  readonly db: mongo.Db
  readonly by: Pick<AuditEntry, 'actor'>
  readonly tell: (line: string) => void
}

const deadlineMs = 24 * 3_600_000
/** A worker's clock may be so far off. */
const clockMarginMs = 600_000

/** What a worker is made of, at the restored database; without Redis, whose log is the running system's. */
export const contextOf = ({ config, logger, db }: Pick<Settling, 'config' | 'logger' | 'db'>): Context =>
  createContext(
    { ...config, mongo: { ...config.mongo, uri: uriOfDatabase(config.mongo.uri, db.databaseName) }, redis: undefined },
    logger,
    { consistency: { patienceMs: 0 } }, // nobody writes: what is behind stays so
  )

/** Makes the indexes without which two documents could be the same one; the others are made faster once all is there. */
export const createUniqueIndexes = async ({ models }: Pick<Context, 'models'>, db: mongo.Db): Promise<void> => {
  for (const { schema, collection } of models) {
    await db.createCollection(collection.name)
    for (const [keys, options] of schema.indexes()) {
      const { name, unique, sparse = false } = options
      if (!unique || name === undefined) continue
      const fields = Object.entries(keys).map(([field, direction]) => [field, direction === -1 ? -1 : 1] as const)
      await db.collection(collection.name).createIndex(Object.fromEntries(fields), { name, unique: true, ...(sparse && { sparse }) })
    }
  }
}

/** Makes the other indexes, and the new generation. */
export const openContext = async (context: Context): Promise<void> => {
  context.mongo.start(() => createIndexes(context.models))
  await context.mongo.whenReady(AbortSignal.timeout(deadlineMs))
}

/**
 * Looks whether all is as it should be, and mends what follows from the rest: it was copied before what it follows from.
 * @throws BackupError naming what is wrong
 */
export const settle = async (context: Context, { db, by, tell }: Settling): Promise<void> => {
  const faults = await brokenReferences(db)
  const { checked, mended, left } = await mendConversations(context, by)
  tell(`${checked} conversations were checked, ${mended} were behind their messages`)
  faults.push(...left)
  if (faults.length > 0) throw new BackupError(`${db.databaseName} is not as it should be: ${faults.join('; ')}`)
}

const mendConversations = async (
  { consistency }: Context,
  by: Settling['by'],
): Promise<{ checked: number; mended: number; left: string[] }> => {
  let [checked, mended] = [0, 0]
  const left: string[] = []
  for await (const { conversationId, differences } of consistency.checkAll({ repair: false }, by)) {
    checked += 1
    // what is to be told still is what the first workers tell
    if (differences.every(({ kind }) => kind === 'untold')) continue
    mended += 1
    await consistency.check(conversationId, { repair: true }, by)
    const after = await consistency.check(conversationId, { repair: false }, by)
    for (const { kind, seq } of after.differences) {
      if (kind !== 'untold') left.push(`${kind}${seq === undefined ? '' : ` ${seq}`} in conversation ${conversationId}`)
    }
  }
  return { checked, mended, left: left.slice(0, 20) }
}

/** An account that was closed while it was copied may have lost the job that does the rest: that is begun again, and finds what is left to do. */
export const beginDeletions = async (db: mongo.Db, begunAt: Date): Promise<void> => {
  const jobs = new JobStore({ jobs: () => db.collection<JobDocument>('jobs'), leaseMs: defaultJobTimes.leaseMs })
  const since = new Date(begunAt.getTime() - clockMarginMs)
  for await (const { _id } of db.collection<UserDocument>('users').find({ deletedAt: { $gte: since } }, { projection: { _id: 1 } })) {
    await jobs.begin('account_deletion', _id)
  }
}
