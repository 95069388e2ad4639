import { randomUUID } from 'node:crypto'
import { type mongo, Types } from 'mongoose'
import { Problem } from '../../http/problem.js'
import { isDuplicateKey } from '../../platform/duplicate-key.js'
import { isWriteConflict } from '../../platform/write-conflict.js'
import type { OutboxEntry } from '../../realtime/outbox-entry.js'
import type { JobDocument, JobKind } from './model.js'

/** A job that an attempt has. */
export type TakenJob = JobDocument & { readonly run: string }
type Held = Pick<TakenJob, '_id' | 'run'>

interface Candidate extends Pick<JobDocument, '_id' | 'dueAt'> {
  /** By the database's clock. */
  readonly isDue: boolean
}

interface Dependencies {
  readonly jobs: () => mongo.Collection<JobDocument>
  /** How long a job is a worker's without a word of it, in milliseconds. */
  readonly leaseMs: number
}

const keptMs = 7 * 86_400_000
const mostTries = 5
const mostCandidates = 20
/** A worker's clock may be so far behind the database's, which decides. */
const clockMarginMs = 600_000

/** Jobs as the database has them. Each write of an attempt names it, so that one that was given up changes nothing. */
export class JobStore {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @returns a new job, which any worker may begin; or the one of this kind and person that has not ended */
  async begin(kind: JobKind, userId: Types.ObjectId): Promise<JobDocument> {
    const liveKey = `${kind}:${userId.toHexString()}`
    for (let tries = 0; tries < mostTries; tries++) {
      const living = await this.#jobs.findOne({ liveKey }, { readPreference: 'primary' })
      if (living) return living
      const now = new Date()
      const job: JobDocument = {
        _id: new Types.ObjectId(),
        kind,
        userId,
        status: 'waiting',
        liveKey,
        state: null,
        progress: 0,
        attempts: 0,
        dueAt: new Date(0), // at once, by any clock
        createdAt: now,
      }
      try {
        await this.#jobs.insertOne(job)
        return job
      } catch (error) {
        if (!isDuplicateKey(error) && !isWriteConflict(error)) throw error // else another one was faster
      }
    }
    throw new Problem('service_unavailable', 'Too many ask for this at once')
  }

  /** Takes what is due, or what a worker that died has left: for one lease, as a new attempt. @returns null where there is nothing */
  async take(kinds: readonly JobKind[]): Promise<TakenJob | null> {
    for (const { _id, dueAt, isDue } of await this.#candidates(kinds)) {
      const run = randomUUID()
      const taking = { status: 'running', run, attempts: { $add: ['$attempts', 1] }, dueAt: this.#leaseEnd }
      // Who takes it, or holds on to it, moves dueAt.
      if (!isDue || (await this.#updated({ _id, dueAt }, [{ $set: taking }])) === 0) continue
      const job = await this.#jobs.findOne({ _id, run }, { readPreference: 'primary' })
      if (job) return { ...job, run }
    }
    return null
  }

  /** Holds a job for another lease. @returns false where it is not this attempt's any more */
  async save({ _id, run }: Held, state: unknown, progress: number): Promise<boolean> {
    const { matchedCount } = await this.#jobs.updateOne(held({ _id, run }), [
      { $set: { state: { $literal: state }, progress, dueAt: this.#leaseEnd } },
    ])
    return matchedCount === 1
  }

  /** @param entry what is to be told of it. @returns the job as it ended; null where it is not this attempt's any more */
  async end(
    { _id, run }: Held,
    status: 'done' | 'failed',
    { entry, error }: { entry?: OutboxEntry; error?: unknown },
  ): Promise<JobDocument | null> {
    const endedAt = new Date()
    const expiresAt = new Date(endedAt.getTime() + keptMs)
    return this.#jobs.findOneAndUpdate(
      held({ _id, run }),
      {
        $set: {
          status,
          endedAt,
          expiresAt,
          ...(status === 'done' && { progress: 100 }),
          ...(error !== undefined && { lastError: textOf(error) }),
        },
        $unset: { liveKey: '', run: '' },
        ...(entry && { $push: { outbox: entry } }),
      },
      { returnDocument: 'after' },
    )
  }

  /** Lets any worker begin it again after a while. */
  async retry({ _id, run }: Held, afterMs: number, error: unknown): Promise<void> {
    const again = { status: 'waiting', dueAt: { $add: ['$$NOW', afterMs] }, lastError: { $literal: textOf(error) } }
    await this.#jobs.updateOne(held({ _id, run }), [{ $set: again }, { $unset: 'run' }])
  }

  /** Gives it back unfinished, for another worker to go on at once: this attempt has not failed, and does not count. */
  async handBack({ _id, run }: Held): Promise<void> {
    await this.#jobs.updateOne(held({ _id, run }), {
      $set: { status: 'waiting', dueAt: new Date(0) },
      $unset: { run: '' },
      $inc: { attempts: -1 },
    })
  }

  async find(kind: JobKind, userId: Types.ObjectId, _id: Types.ObjectId): Promise<JobDocument | null> {
    return this.#jobs.findOne({ _id, kind, userId }, { readPreference: 'primary' })
  }

  /** Removes a person's jobs of a kind, but for one where it is named; whoever does one finds that it is gone. @returns their ids */
  async remove(kind: JobKind, userId: Types.ObjectId, except?: Types.ObjectId): Promise<Types.ObjectId[]> {
    const filter = { kind, userId, ...(except && { _id: { $ne: except } }) }
    const found = await this.#jobs.find(filter, { projection: { _id: 1 }, readPreference: 'primary' }).toArray()
    const ids = found.map(({ _id }) => _id)
    await this.#jobs.deleteMany({ _id: { $in: ids } })
    return ids
  }

  /** The longest due first. Not asked for by $$NOW: DocumentDB compares it with nothing that has an index. */
  async #candidates(kinds: readonly JobKind[]): Promise<Candidate[]> {
    const living = { status: { $in: ['waiting', 'running'] }, kind: { $in: [...kinds] } }
    const soon = new Date(Date.now() + clockMarginMs)
    return this.#jobs
      .aggregate<Candidate>(
        [
          { $match: { ...living, dueAt: { $lt: soon } } },
          { $sort: { dueAt: 1 } },
          { $limit: mostCandidates },
          { $project: { dueAt: 1, isDue: { $lte: ['$dueAt', '$$NOW'] } } },
        ],
        { readPreference: 'primary' },
      )
      .toArray()
  }

  /** @returns how many were; none where another worker was faster */
  async #updated(...[filter, update]: Parameters<mongo.Collection<JobDocument>['updateOne']>): Promise<number> {
    try {
      return (await this.#jobs.updateOne(filter, update)).matchedCount
    } catch (error) {
      if (isWriteConflict(error)) return 0
      throw error
    }
  }

  get #jobs(): mongo.Collection<JobDocument> {
    return this.#deps.jobs()
  }

  get #leaseEnd() {
    return { $add: ['$$NOW', this.#deps.leaseMs] }
  }
}

const held = ({ _id, run }: Held) => ({ _id, status: 'running' as const, run })

const mostErrorText = 500
const textOf = (error: unknown): string =>
  (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, mostErrorText)
