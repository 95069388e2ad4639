import type { mongo } from 'mongoose'
import { messageOf } from '../platform/message-of.js'
import type { HeldLock } from './lock.js'
import { type Migration, MigrationError, titleOf } from './migration.js'
import { beginRecord, endRecord, keepPosition, standingOf } from './records.js'

interface Running {
  readonly db: mongo.Db
  readonly migrations: readonly Migration[]
  readonly lock: HeldLock
  readonly signal: AbortSignal
  readonly tell: (line: string) => void
}

const again = 'What was done stays; it goes on from there when it is run again.'

/** Does what is still to be done, in order; each is recorded once it is done. @throws MigrationError naming the one that failed */
export const runPending = async (running: Running): Promise<void> => {
  const { pending } = await standingOf(running.db, running.migrations)
  for (const migration of pending) {
    try {
      await run(migration, running)
    } catch (error) {
      const message = messageOf(error)
      throw new MigrationError(`${titleOf(migration)} did not come to its end: ${message}. ${again}`, { cause: error })
    }
  }
}

const run = async (migration: Migration, { db, lock, signal, tell }: Running): Promise<void> => {
  const title = titleOf(migration)
  const goOn = async (): Promise<void> => {
    if (signal.aborted) throw new MigrationError('it was told to stop')
    await lock.requireHeld()
  }
  await goOn()
  const before = performance.now()
  const position = await beginRecord(db, migration)
  tell(`${title}: ${migration.about}${position === undefined ? '' : '; goes on where an earlier attempt has come to'}`)
  const keep = (reached: unknown): Promise<void> => keepPosition(db, migration, reached)
  await migration.run({ db, position, keep, goOn, tell: (line) => tell(`${title}: ${line}`) })
  await goOn()
  const milliseconds = Math.round(performance.now() - before)
  await endRecord(db, migration, milliseconds)
  tell(`${title}: done in ${(milliseconds / 1000).toFixed(1)} s`)
}
