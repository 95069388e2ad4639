import mongoose, { type Connection, type mongo } from 'mongoose'
import type { Config } from '../config.js'
import { createModels } from '../context/models.js'
import { buildIndexes, missingIndexes } from '../platform/indexes.js'
import { messageOf } from '../platform/message-of.js'
import { databaseOf } from '../platform/mongo.js'
import { migrations } from './list.js'
import { alone, whoMigrates } from './lock.js'
import { type Migration, MigrationError, titleOf } from './migration.js'
import { standingOf } from './records.js'
import { runPending } from './run.js'

interface Asked {
  /** How long the database is waited for, and another one that migrates it. */
  readonly waitMs: number
  readonly tell: (line: string) => void
  readonly signal: AbortSignal
}

/** Makes the indexes, then does the migrations that are still to be done. @throws Error where the database is away, MigrationError naming what failed */
export const migrate = (config: Config, { waitMs, tell, signal }: Asked): Promise<void> =>
  connected(config, waitMs, async ({ db, models }) => {
    await alone({ db, waitMs, tell, signal }, async (lock) => {
      await buildIndexes(models, tell)
      await runPending({ db, migrations, lock, signal, tell })
    })
    tell((await standingOf(db, migrations)).newer.length > 0 ? 'up to date: it was migrated by a newer version, too' : 'up to date')
  })

/** Tells what `migrate` would do, and changes nothing. */
export const rehearse = (config: Config, { waitMs, tell }: Asked): Promise<void> =>
  connected(config, waitMs, async ({ db, models }) => {
    const who = await whoMigrates(db)
    if (who !== undefined) tell(`another migration is under way (${who})`)
    const indexes = await missingIndexes(models)
    for (const { collection, name } of indexes) tell(`would make the index ${collection} ${name}`)
    const { pending, newer } = await standingOf(db, migrations)
    for (const migration of pending) tell(`would run ${titleOf(migration)}: ${migration.about} (${await leftOf(migration, db)})`)
    for (const { _id, name } of newer) tell(`${titleOf({ number: _id, name })} was done by a newer version`)
    tell(indexes.length + pending.length === 0 ? 'there is nothing to do' : 'nothing was changed')
  })

const leftOf = async (migration: Migration, db: mongo.Db): Promise<string> => {
  const count = await migration.left(db).catch(() => undefined)
  return count === undefined ? 'many documents' : `${count} ${count === 1 ? 'document' : 'documents'} to look at`
}

interface Opened {
  readonly db: mongo.Db
  readonly models: ReturnType<typeof createModels>[keyof ReturnType<typeof createModels>][]
}

const connected = async (
  { mongo: { uri, selectionTimeoutMs } }: Config,
  waitMs: number,
  work: (opened: Opened) => Promise<void>,
): Promise<void> => {
  const connection = mongoose.createConnection()
  try {
    await open(connection, uri, Math.max(waitMs, selectionTimeoutMs))
    await work({ db: connection.getClient().db(connection.name), models: Object.values(createModels(connection)) })
  } finally {
    await connection.close(true)
  }
}

/** An index may take hours: what ends a wait is that the server does not answer the driver any more. */
const open = async (connection: Connection, uri: string, waitMs: number): Promise<void> => {
  try {
    await connection.openUri(uri, {
      dbName: databaseOf(uri),
      appName: 'heliograph-migrate',
      serverSelectionTimeoutMS: waitMs,
      socketTimeoutMS: 0,
      readPreference: 'primary',
      writeConcern: { w: 'majority', journal: true },
      bufferCommands: false,
      autoIndex: false,
      autoCreate: false,
    })
  } catch (error) {
    const reason = messageOf(error)
    throw new MigrationError(`MongoDB cannot be reached within ${waitMs / 1000} s: ${reason}`, { cause: error })
  }
}
