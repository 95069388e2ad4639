import type { Connection, mongo } from 'mongoose'
import { createIndexes, requireIndexes } from '../platform/indexes.js'
import type { Logger } from '../platform/logger.js'
import { migrations } from './list.js'
import { alone } from './lock.js'
import { MigrationError, titleOf } from './migration.js'
import { standingOf } from './records.js'
import { runPending } from './run.js'

interface Database {
  readonly connection: Connection
  readonly models: Parameters<typeof createIndexes>[0]
  readonly logger: Logger
}

const deadlineMs = 600_000

const dbOf = (connection: Connection): mongo.Db => connection.getClient().db(connection.name)

/** Makes the indexes and does the migrations that are missing. Safe from several processes at once. */
export const bringUpToDate = async ({ connection, models, logger }: Database): Promise<void> => {
  const db = dbOf(connection)
  await createIndexes(models)
  if ((await standingOf(db, migrations)).pending.length === 0) return
  const signal = AbortSignal.timeout(deadlineMs)
  const tell = (line: string): void => logger.info(line)
  await alone({ db, waitMs: deadlineMs, tell, signal }, (lock) => runPending({ db, migrations, lock, signal, tell }))
}

/** Changes nothing. What a newer version has done is no hindrance: it lets this one go on. @throws naming what `npm run migrate` has to do */
export const requireUpToDate = async ({ connection, models, logger }: Database): Promise<void> => {
  await requireIndexes(models)
  const { pending, newer } = await standingOf(dbOf(connection), migrations)
  if (pending.length > 0) throw new MigrationError(`Migrations are missing; run: npm run migrate (${pending.map(titleOf).join(', ')})`)
  if (newer.length === 0) return
  logger.info({ migrations: newer.map(({ _id, name }) => titleOf({ number: _id, name })) }, 'the database was migrated by a newer version')
}
