import type { Logger } from '../platform/logger.js'
import type { Leases } from './leases.js'
import type { Outbox, OutboxSource } from './outbox.js'

interface Dependencies {
  readonly outbox: Outbox
  readonly leases: Leases
  readonly sources: readonly OutboxSource[]
  readonly logger: Logger
}

const sweepEveryMs = 5000
/** A living worker publishes its own; what is older than this was left behind, by a lost answer or a Redis that was away. */
const forgottenAfterMs = 60_000
const mostInOneSweep = 1000

/** Publishes what other workers left in outboxes: those of dead ones at once, those of living ones after a minute. One worker at a time does it. */
export class Sweeper {
  readonly #deps: Dependencies
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#running ??= this.sweep()
        .catch((error: unknown) => this.#deps.logger.warn({ err: error }, 'the sweep failed'))
        .finally(() => {
          this.#running = undefined
        })
    }, sweepEveryMs)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
  }

  async sweep(): Promise<void> {
    const { leases } = this.#deps
    if (!(await leases.hold('sweeper'))) return
    const { living, dead } = await leases.workers()
    for (const worker of dead) if ((await this.#publishOf(worker, new Date())) === 0) await leases.bury(worker)
    for (const worker of living) await this.#publishOf(worker, new Date(Date.now() - forgottenAfterMs))
  }

  /** @returns how many documents had something of this worker's left */
  async #publishOf(worker: string, before: Date): Promise<number> {
    let found = 0
    for (const source of this.#deps.sources) {
      const documents = await source
        .collection()
        .find({ outbox: { $elemMatch: { worker, at: { $lt: before } } } }, { readPreference: 'primary' })
        .sort({ seq: 1 })
        .limit(mostInOneSweep)
        .toArray()
      found += documents.length
      for (const document of documents) {
        if (await this.#deps.outbox.publishOne(source, document)) continue
        await this.#deps.outbox.passOver(source, document)
      }
    }
    if (found > 0) this.#deps.logger.info({ worker, documents: found }, 'published what a worker left')
    return found
  }
}
