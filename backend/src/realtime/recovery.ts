import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../platform/logger.js'
import type { Known } from './catch-ups.js'
import type { EventStream } from './stream.js'

interface Dependencies {
  readonly logger: Logger
  /** Hears what was told to the hubs meanwhile, subscribes to all that these streams need, and asks where the log stands. @throws where Redis is away */
  prepare(streams: ReadonlySet<EventStream>): Promise<Known>
  catchUp(stream: EventStream, known: Known): Promise<void>
  /** Streams that are still without Redis then are ended. */
  readonly deadlineMs?: number
}

const defaultDeadlineMs = 60_000
const mostAtOnce = 64
const againAfterMs = 500

/** Keeps the streams that lost Redis, and brings them back when it is there again. */
export class Recovery {
  readonly #deps: Dependencies
  readonly #lost = new Set<EventStream>()
  #deadline: NodeJS.Timeout | undefined
  #losses = 0
  #restoring: number | undefined
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** True until the stream is being brought back. */
  has(stream: EventStream): boolean {
    return this.#lost.has(stream)
  }

  lost(streams: Iterable<EventStream>): void {
    this.#losses += 1
    for (const stream of streams) {
      stream.hold()
      this.#lost.add(stream)
    }
    if (this.#lost.size > 0) this.#deadline ??= setTimeout(() => this.#end(), this.#deps.deadlineMs ?? defaultDeadlineMs).unref()
  }

  forget(stream: EventStream): void {
    this.#lost.delete(stream)
    if (this.#lost.size > 0) return
    clearTimeout(this.#deadline)
    this.#deadline = undefined
  }

  /** To be called when Redis can be subscribed at again. Tries until the streams are back, or Redis is lost again. */
  async restore(): Promise<void> {
    const losses = this.#losses
    if (this.#restoring === losses) return
    this.#restoring = losses
    while (this.#lost.size > 0 && losses === this.#losses) {
      try {
        const known = await this.#deps.prepare(this.#lost)
        const waiting = [...this.#lost]
        await Promise.all(Array.from({ length: mostAtOnce }, () => this.#bring(waiting, known, losses)))
      } catch (error) {
        this.#deps.logger.info({ err: error, streams: this.#lost.size }, 'streams wait for Redis')
        await sleep(againAfterMs * (0.5 + Math.random()))
      }
    }
  }

  /** One after another, and another 63 do the same: so many read the log at once. */
  async #bring(waiting: EventStream[], known: Known, losses: number): Promise<void> {
    for (let stream = waiting.pop(); stream && losses === this.#losses; stream = waiting.pop()) {
      if (!this.#lost.has(stream)) continue // it has ended meanwhile
      this.forget(stream)
      await this.#deps.catchUp(stream, known)
    }
  }

  #end(): void {
    this.#deadline = undefined
    this.#deps.logger.warn({ streams: this.#lost.size }, 'streams end: Redis did not come back')
    for (const stream of this.#lost) stream.end()
    this.#lost.clear()
  }
}
