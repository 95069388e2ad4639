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
const pageSize = 1000
/** What was told is found until it is forgotten: a sweep that took a page alone would come to the next one 45 s later. */
const mostPages = 50
/** A document that cannot be told keeps no other from being told. */
const mostFailures = 10

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
    if ((await this.#publishOf(dead)) === 0) await leases.bury(dead)
    await this.#publishOf(living, new Date(Date.now() - forgottenAfterMs))
  }

  /**
   * Workers that took turns in a conversation are taken up together, by seq: what one left is held until the other's predecessor is told.
   * @param before without it all that they left: entries are dated by their worker's clock, which may have been ahead
   * @returns how many documents had something of these workers' left
   */
  async #publishOf(workers: readonly string[], before?: Date): Promise<number> {
    if (workers.length === 0) return 0
    const { leases } = this.#deps
    const left = { worker: { $in: workers }, ...(before && { at: { $lt: before } }) }
    let found = 0
    for (const source of this.#deps.sources) {
      for (let page = 0; page < mostPages; page++) {
        if (page > 0 && !(await leases.hold('sweeper'))) return found
        const documents = await source
          .collection()
          .find({ outbox: { $elemMatch: left } }, { readPreference: 'primary' })
          .sort({ seq: 1 })
          .skip(page * pageSize)
          .limit(pageSize)
          .toArray()
        found += documents.length
        await this.#publish(source, documents)
        if (documents.length < pageSize) break
      }
    }
    if (found > 0) this.#deps.logger.info({ workers, documents: found }, 'published what workers left')
    return found
  }

  async #publish(source: OutboxSource, documents: Parameters<Outbox['publish']>[1]): Promise<void> {
    const { outbox } = this.#deps
    if (source.tellTogether) {
      outbox.publish(source, documents)
      return
    }
    const failures: unknown[] = []
    for (const document of documents) {
      try {
        if (await outbox.publishOne(source, document, { patient: false })) continue
        if (await outbox.passOver(source, document)) await outbox.publishOne(source, document, { patient: false })
      } catch (error) {
        failures.push(error)
        if (failures.length === mostFailures) throw error // it is not the documents
      }
    }
    if (failures.length > 0)
      this.#deps.logger.error({ err: failures[0], documents: failures.length }, 'what workers left was not published')
  }
}
