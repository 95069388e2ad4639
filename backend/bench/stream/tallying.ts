import { quantile, rounded } from '../statistics.js'
import type { Tally } from './contract.js'

/** Counts what a group's clients see. */
export class Tallying {
  #latenciesMicroseconds: number[] = []
  #duplicated = 0
  #disordered = 0
  #ended = 0
  #refused = 0
  #beganAt = performance.now()
  #lastAt = 0
  #awaited: { readonly count: number; readonly resolve: () => void } | undefined

  begin(): void {
    this.#latenciesMicroseconds = []
    this.#duplicated = 0
    this.#disordered = 0
    this.#ended = 0
    this.#refused = 0
    this.#beganAt = performance.now()
    this.#lastAt = this.#beganAt
  }

  note(microseconds: number, inOrder: boolean): void {
    this.#latenciesMicroseconds.push(microseconds)
    if (!inOrder) this.#disordered += 1
    this.#lastAt = performance.now()
    if (this.#latenciesMicroseconds.length >= (this.#awaited?.count ?? Number.POSITIVE_INFINITY)) this.#awaited?.resolve()
  }

  noteDuplicate(): void {
    this.#duplicated += 1
  }

  noteEnd(): void {
    this.#ended += 1
  }

  noteRefusal(): void {
    this.#refused += 1
  }

  /** Resolves when so many events came since `begin`, or at the deadline. */
  received(count: number, deadlineSeconds: number): Promise<void> {
    if (this.#latenciesMicroseconds.length >= count) return Promise.resolve()
    return new Promise((resolve) => {
      const alarm = setTimeout(resolve, deadlineSeconds * 1000)
      this.#awaited = {
        count,
        resolve: () => {
          clearTimeout(alarm)
          this.#awaited = undefined
          resolve()
        },
      }
    })
  }

  tally(): Tally {
    const all = this.#latenciesMicroseconds
    const inMs = (share: number) => rounded(quantile(all, share) / 1000)
    return {
      received: all.length,
      duplicated: this.#duplicated,
      disordered: this.#disordered,
      ended: this.#ended,
      refused: this.#refused,
      p50Ms: inMs(0.5),
      p99Ms: inMs(0.99),
      maxMs: inMs(1),
      seconds: (this.#lastAt - this.#beganAt) / 1000,
    }
  }
}
