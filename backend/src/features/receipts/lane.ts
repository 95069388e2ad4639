import { setTimeout as sleep } from 'node:timers/promises'
import { Problem } from '../../http/problem.js'
import { Pump } from '../../platform/pump.js'
import type { Rise } from './raise.js'

interface Waiting {
  rise: Rise
  readonly answers: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[]
}

const defaultWindowMs = 100
const mostInOneWrite = 500
const mostWaiting = 20_000

/** Joins what rises by member for a while, then stores that of many members in one write, and answers all of them when it is stored. */
export class ReceiptLane {
  readonly #store: (rises: readonly Rise[]) => Promise<void>
  readonly #windowMs: number
  readonly #waiting = new Map<string, Waiting>()
  readonly #settling = new AbortController()
  readonly #pump = new Pump(
    () => this.#waiting.size > 0,
    () => this.#turn(),
  )
  #requests = 0
  /** @param windowMs what comes for one member within this time is one write */
  constructor(store: (rises: readonly Rise[]) => Promise<void>, windowMs = defaultWindowMs) {
    this.#store = store
    this.#windowMs = windowMs
  }

  /** Resolves when it is stored. @throws Problem service_unavailable where too many wait; what `store` throws */
  raise(rise: Rise): Promise<void> {
    if (this.#requests >= mostWaiting) return Promise.reject(new Problem('service_unavailable', 'Too many receipts are waiting'))
    const key = `${rise.conversationId}:${rise.userId}`
    const waiting = this.#waiting.get(key) ?? { rise, answers: [] }
    waiting.rise = higher(waiting.rise, rise)
    this.#waiting.set(key, waiting)
    this.#requests += 1
    const stored = new Promise<void>((resolve, reject) => {
      waiting.answers.push({ resolve, reject })
    })
    this.#pump.wake()
    return stored
  }

  /** Stores at once what waits. Resolves when nothing does any more. */
  async settled(): Promise<void> {
    this.#settling.abort()
    await this.#pump.settled()
  }

  async #turn(): Promise<void> {
    const { signal } = this.#settling
    if (this.#waiting.size < mostInOneWrite) await sleep(this.#windowMs, undefined, { signal }).catch(() => undefined)
    const batch = [...this.#waiting].slice(0, mostInOneWrite)
    for (const [key] of batch) this.#waiting.delete(key)
    const answers = batch.flatMap(([, waiting]) => waiting.answers)
    this.#requests -= answers.length
    try {
      await this.#store(batch.map(([, { rise }]) => rise))
      for (const { resolve } of answers) resolve()
    } catch (error) {
      for (const { reject } of answers) reject(error)
    }
  }
}

const higher = (one: Rise, other: Rise): Rise => ({
  ...one,
  deliveredSeq: Math.max(one.deliveredSeq, other.deliveredSeq),
  readSeq: Math.max(one.readSeq, other.readSeq),
  tell: one.tell || other.tell,
})
