import type { ClientRateLimitInfo, Store } from 'express-rate-limit'
import { acceptance, advance, hitsIn, refusal, type WindowCounter, type WindowSize } from './window-counter.js'

interface SlidingWindowOptions extends WindowSize {
  /** More keys than these and the one that was not used for longest is forgotten. */
  readonly mostKeys?: number
  readonly now?: () => number
}

/** Enough for a busy worker; few enough, over all limits, for somebody with many addresses not to fill its memory. */
export const mostKeysOfWindow = 50_000

/** A sliding window in this worker's memory. What is refused is not counted, so whoever waits as long as they are told gets through. */
export class SlidingWindow implements Store {
  readonly localKeys = true
  readonly #counters = new Map<string, WindowCounter>()
  readonly #size: WindowSize
  readonly #mostKeys: number
  readonly #now: () => number
  constructor(options: SlidingWindowOptions) {
    this.#size = options
    this.#mostKeys = options.mostKeys ?? mostKeysOfWindow
    this.#now = options.now ?? Date.now
  }

  /** Counts one. More than `points` in `totalHits` means that it was refused; `resetTime` is then when the next one gets through. */
  increment(key: string): ClientRateLimitInfo {
    const now = this.#now()
    const counter = this.#advance(key, now)
    const hits = hitsIn(counter, now, this.#size.windowMs) + 1
    if (hits > this.#size.points) return refusal(counter, this.#size)
    counter.current += 1
    return acceptance(counter, hits, this.#size)
  }

  decrement(key: string): void {
    const counter = this.#counters.get(key)
    if (counter && counter.current > 0) counter.current -= 1
  }

  resetKey(key: string): void {
    this.#counters.delete(key)
  }

  #advance(key: string, now: number): WindowCounter {
    const counter = this.#counters.get(key) ?? { windowStart: now, current: 0, previous: 0 }
    advance(counter, now, this.#size.windowMs)
    this.#counters.delete(key) // again at the end: the map's order is that of last use
    this.#counters.set(key, counter)
    if (this.#counters.size > this.#mostKeys) this.#counters.delete(this.#counters.keys().next().value ?? key)
    return counter
  }
}
