import { randomUUID } from 'node:crypto'
import type { mongo } from 'mongoose'
import { isDuplicateKey } from '../platform/duplicate-key.js'
import type { Logger } from '../platform/logger.js'

interface Lease {
  _id: string
  holder: string
  expiresAt: Date
}

const leaseMs = 15_000
const renewEveryMs = 5000
/** A worker that stood still for longer than its lease writes when it wakes, and may die before it renews it: what it left then is found by its lease. */
const buriedAfterMs = 3_600_000

/** Says of this worker that it lives, by the database's clock. */
export class Leases {
  readonly worker = randomUUID()
  readonly #own = `worker:${this.worker}`
  readonly #leases: () => mongo.Collection<Lease>
  readonly #logger: Logger
  #timer: NodeJS.Timeout | undefined
  constructor(deps: { leases: () => mongo.Collection<Lease>; logger: Logger }) {
    this.#leases = deps.leases
    this.#logger = deps.logger
  }

  /** Takes this worker's lease and renews it from then on. */
  async start(): Promise<void> {
    await this.hold(this.#own)
    this.#timer ??= setInterval(() => {
      this.hold(this.#own).catch((error: unknown) => this.#logger.warn({ err: error }, 'the lease was not renewed'))
    }, renewEveryMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** @returns true where this worker is, from now for 15 s, the only one that holds `name` */
  async hold(name: string): Promise<boolean> {
    const free = { $or: [{ holder: this.worker }, { $expr: { $lte: ['$expiresAt', '$$NOW'] } }] }
    const { matchedCount } = await this.#leases().updateOne({ _id: name, ...free }, renewed(this.worker))
    return matchedCount === 1 || this.#take(name)
  }

  /** By the database's clock: the workers that hold a lease, and those whose lease ran out; these stay until `bury`. */
  async workers(): Promise<{ now: Date; living: string[]; dead: string[] }> {
    const found = await this.#leases()
      .aggregate<{ holder: string; lives: boolean; now: Date }>(
        [{ $match: { _id: /^worker:/ } }, { $project: { holder: 1, lives: { $gt: ['$expiresAt', '$$NOW'] }, now: '$$NOW' } }],
        { readPreference: 'primary' },
      )
      .toArray()
    const [first] = found
    if (!first) throw new Error('No worker holds a lease yet')
    return {
      now: first.now,
      living: found.filter(({ lives }) => lives).map(({ holder }) => holder),
      dead: found.filter(({ lives }) => !lives).map(({ holder }) => holder),
    }
  }

  /** Counts these among the dead: what they left is told. For what a copy of the database says of workers that never were in it. */
  async mourn(workers: Iterable<string>): Promise<void> {
    for (const worker of workers) {
      const dead = { $setOnInsert: { holder: worker, expiresAt: new Date(0) } }
      await this.#leases().updateOne({ _id: `worker:${worker}` }, dead, { upsert: true })
    }
  }

  /** Forgets those of these dead workers whose lease ran out an hour ago or earlier: who calls it has found nothing of theirs left. */
  async bury(workers: readonly string[]): Promise<void> {
    if (workers.length === 0) return
    const longDead = { $lte: ['$expiresAt', { $subtract: ['$$NOW', buriedAfterMs] }] }
    await this.#leases().deleteMany({ _id: { $in: workers.map((worker) => `worker:${worker}`) }, $expr: longDead })
  }

  /** Makes a lease that was never held. */
  async #take(name: string): Promise<boolean> {
    try {
      await this.#leases().insertOne({ _id: name, holder: this.worker, expiresAt: new Date(Date.now() + leaseMs) })
      return true
    } catch (error) {
      if (isDuplicateKey(error)) return false // somebody else holds it
      throw error
    }
  }
}

/** By the database's clock, which all workers share. */
const renewed = (holder: string) => [{ $set: { holder, expiresAt: { $add: ['$$NOW', leaseMs] } } }]
