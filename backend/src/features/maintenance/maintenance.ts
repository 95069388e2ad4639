import type { mongo } from 'mongoose'
import { isDuplicateKey } from '../../platform/duplicate-key.js'
import type { Logger } from '../../platform/logger.js'
import type { Leases } from '../../realtime/leases.js'
import type { Job } from './job.js'

/** When the jobs ran last, by the database's clock. */
export interface MaintenanceDocument {
  readonly _id: 'hourly'
  readonly at: Date
}

interface Dependencies {
  readonly maintenance: () => mongo.Collection<MaintenanceDocument>
  readonly leases: Pick<Leases, 'hold'>
  readonly jobs: readonly Job[]
  readonly logger: Logger
}

const lookEveryMs = 300_000
const everyMs = 3_600_000
const leaseName = 'maintenance'

/**
 * Tidies up once an hour, one worker at a time. What expires by itself (sessions, codes, QR sign-ins, audit entries) the database removes
 * by TTL indexes, and is nothing of this.
 */
export class Maintenance {
  readonly #deps: Dependencies
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #stopping = false
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#running ??= this.runIfDue()
        .then(() => undefined)
        .catch((error: unknown) => this.#deps.logger.warn({ err: error }, 'maintenance failed'))
        .finally(() => {
          this.#running = undefined
        })
    }, lookEveryMs).unref()
  }

  /** Stops after the batch that is being done. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearInterval(this.#timer)
    await this.#running
  }

  /** @returns false where another worker does it, or has within the hour */
  async runIfDue(): Promise<boolean> {
    if (!(await this.#mine()) || !(await this.#isDue())) return false
    for (const job of this.#deps.jobs) await this.#run(job)
    return true
  }

  /** One that fails leaves the others to be done. */
  async #run(job: Job): Promise<void> {
    const { logger } = this.#deps
    const before = performance.now()
    try {
      const done = await job.run(() => this.#mine())
      logger.info({ job: job.name, done, durationMs: Math.round(performance.now() - before) }, 'maintenance')
    } catch (error) {
      logger.warn({ err: error, job: job.name }, 'a maintenance job failed')
    }
  }

  /** True where this worker holds the lease for another 15 s. */
  async #mine(): Promise<boolean> {
    return !this.#stopping && this.#deps.leases.hold(leaseName)
  }

  /** Takes this hour's turn: written first, so that jobs that fail are not begun again at every look. */
  async #isDue(): Promise<boolean> {
    const due = { _id: 'hourly', $expr: { $lte: ['$at', { $subtract: ['$$NOW', everyMs] }] } } as const
    const { matchedCount } = await this.#deps.maintenance().updateOne(due, { $currentDate: { at: true } })
    if (matchedCount === 1) return true
    try {
      await this.#deps.maintenance().insertOne({ _id: 'hourly', at: new Date() }) // the first time in this database
      return true
    } catch (error) {
      if (isDuplicateKey(error)) return false
      throw error
    }
  }
}
