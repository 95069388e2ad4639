import { setTimeout as sleep } from 'node:timers/promises'
import type { Channel, ChannelState, Head, LogListener, Page } from '../../src/realtime/log/log.js'
import { MemoryLog } from '../../src/realtime/log/memory-log.js'
import { type EntryId, idIn } from '../../src/realtime/log/position.js'

/** Lets a test do something at each step: before what is asked is answered, and once more after. */
export type AtStep = () => Promise<void>

const inATurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/**
 * A log whose subscriber is a connection of its own, as with Redis: what is published takes a while to arrive, in order, and what is asked
 * on other connections may be answered before.
 */
export class LaggingLog extends MemoryLog {
  /** What was answered when the head was asked for. */
  readonly heads: EntryId[] = []
  readonly #atStep: AtStep
  readonly #lagMs: number
  #wire: Promise<void> = Promise.resolve()
  constructor({ atStep, lagMs }: { atStep: AtStep; lagMs: number }) {
    super({ entriesPerChannel: 1000, ttlSeconds: 300 })
    this.#atStep = atStep
    this.#lagMs = lagMs
  }

  /** Resolves when all that was published has arrived. */
  arrived(): Promise<void> {
    return this.#wire
  }

  override async head(): Promise<Head> {
    return this.#asStep(async () => {
      const head = await super.head()
      this.heads.push(idIn(head.position, 0))
      return head
    })
  }

  override async states(channels: readonly Channel[]): Promise<ChannelState[]> {
    return this.#asStep(() => super.states(channels))
  }

  override async read(...asked: Parameters<MemoryLog['read']>): Promise<Page> {
    return this.#asStep(() => super.read(...asked))
  }

  override async subscribe(channels: readonly Channel[]): Promise<void> {
    await this.#asStep(async () => {
      await super.subscribe(channels)
      await this.#send(() => undefined)
    })
  }

  override listen(listener: LogListener): void {
    super.listen({
      frame: (...frame) => void this.#send(() => listener.frame(...frame)),
      gap: () => listener.gap(),
      restored: () => listener.restored(),
    })
  }

  async #asStep<T>(ask: () => Promise<T>): Promise<T> {
    await this.#atStep()
    const answer = await ask()
    await this.#atStep()
    return answer
  }

  #send(deliver: () => void): Promise<void> {
    this.#wire = this.#wire.then(() => (this.#lagMs > 0 ? sleep(this.#lagMs) : inATurn())).then(deliver)
    return this.#wire
  }
}
