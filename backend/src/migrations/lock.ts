import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { mongo } from 'mongoose'
import { withDeadline } from '../platform/deadline.js'
import { isDuplicateKey } from '../platform/duplicate-key.js'
import { messageOf } from '../platform/message-of.js'
import { isWriteConflict } from '../platform/write-conflict.js'
import { MigrationError } from './migration.js'

interface Lease {
  _id: 'migrations'
  holder: string
  /** Who that is, for people. */
  by?: string
  since?: Date
  expiresAt: Date
}

interface Locking {
  readonly db: mongo.Db
  /** How long another one is waited for. */
  readonly waitMs: number
  readonly tell: (line: string) => void
  readonly signal: AbortSignal
  readonly leaseMs?: number
}

const defaultLeaseMs = 15_000
const lookEveryMs = 500
const releaseDeadlineMs = 5000
const name = 'migrations'

/** Which one of all that migrate a database does it: whoever holds the lease, by the database's clock. Who dies loses it within 15 s. */
class Lock {
  readonly #holder = randomUUID()
  readonly #by = `process ${process.pid} on ${hostname()}`
  readonly #leases: mongo.Collection<Lease>
  readonly #leaseMs: number
  #heldUntil = Number.NEGATIVE_INFINITY
  constructor(db: mongo.Db, leaseMs: number) {
    this.#leases = db.collection<Lease>('leases')
    this.#leaseMs = leaseMs
  }

  /** Asks the database where it was not renewed in time: as long as nobody has taken it, it still can be. @throws MigrationError where somebody has */
  async requireHeld(): Promise<void> {
    if (performance.now() < this.#heldUntil || (await this.renew())) return
    throw new MigrationError('the lock was lost: another migration may be under way')
  }

  /** @returns false where another one holds it */
  async take(): Promise<boolean> {
    const never = { $setOnInsert: { holder: '', expiresAt: new Date(0) } } // an insert cannot ask for the database's time
    await this.#leases.updateOne({ _id: name }, never, { upsert: true }).catch((error: unknown) => {
      if (!isDuplicateKey(error)) throw error
    })
    return this.#write({ $expr: { $lte: ['$expiresAt', '$$NOW'] } }, { since: '$$NOW', by: { $literal: this.#by } })
  }

  async renew(): Promise<boolean> {
    return this.#write({ holder: this.#holder }, {})
  }

  async release(): Promise<void> {
    await this.#leases.deleteOne({ _id: name, holder: this.#holder })
  }

  async #write(condition: mongo.Filter<Lease>, fields: Record<string, unknown>): Promise<boolean> {
    const before = performance.now()
    const expiresAt = { $add: ['$$NOW', this.#leaseMs] }
    try {
      const { matchedCount } = await this.#leases.updateOne({ _id: name, ...condition }, [
        { $set: { ...fields, holder: this.#holder, expiresAt } },
      ])
      if (matchedCount === 1) this.#heldUntil = before + this.#leaseMs
      return matchedCount === 1
    } catch (error) {
      if (isWriteConflict(error)) return false
      throw error
    }
  }
}

/** What is done under the lock asks it before each step. */
export type HeldLock = Pick<Lock, 'requireHeld'>

/** Who migrates a database just now, and since when; undefined where nobody does. */
export const whoMigrates = async (db: mongo.Db): Promise<string | undefined> => {
  const [lease] = await db
    .collection<Lease>('leases')
    .aggregate<Pick<Lease, 'by' | 'since'> & { lives: boolean }>(
      [{ $match: { _id: name } }, { $project: { by: 1, since: 1, lives: { $gt: ['$expiresAt', '$$NOW'] } } }],
      { readPreference: 'primary' },
    )
    .toArray()
  return lease?.lives ? `${lease.by}, since ${lease.since?.toISOString()}` : undefined
}

const untilTaken = async (lock: Lock, { db, waitMs, tell, signal }: Locking): Promise<void> => {
  const deadline = performance.now() + waitMs
  let told: string | undefined
  while (!(await lock.take())) {
    const who = await whoMigrates(db)
    if (performance.now() >= deadline)
      throw new MigrationError(`another migration is under way (${who ?? 'it has just ended'}), and did not end within ${waitMs / 1000} s`)
    if (who !== undefined && who !== told) tell(`waiting for another migration that is under way (${who})`)
    told = who
    await sleep(lookEveryMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) throw new MigrationError('it was told to stop')
  }
}

/**
 * Does something of which a database has one at a time, and waits for the one that is being done.
 * @throws MigrationError where that takes longer than `waitMs`, or the signal comes first
 */
export const alone = async <T>(locking: Locking, work: (lock: HeldLock) => Promise<T>): Promise<T> => {
  const { db, tell, leaseMs = defaultLeaseMs } = locking
  const lock = new Lock(db, leaseMs)
  await untilTaken(lock, locking)
  let underWay = false
  const renewing = setInterval(() => {
    if (underWay) return
    underWay = true
    lock
      .renew()
      .catch((error: unknown) => tell(`the lock was not renewed: ${messageOf(error)}`))
      .finally(() => {
        underWay = false
      })
  }, leaseMs / 3)
  try {
    return await work(lock)
  } finally {
    clearInterval(renewing)
    await withDeadline(lock.release(), releaseDeadlineMs, 'giving the lock free').catch(() => undefined) // it runs out
  }
}
