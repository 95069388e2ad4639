import type { ClientRateLimitInfo, Store } from 'express-rate-limit'

interface Counter {
  windowStart: number
  current: number
  previous: number
}

interface SlidingWindowOptions {
  readonly points: number
  readonly windowMs: number
  /** More keys than these and the one that was not used for longest is forgotten. */
  readonly mostKeys?: number
  readonly now?: () => number
}

/**
 * A sliding window of two weighted counters, in memory: what was counted in the last window weighs by the part of it
 * that the sliding window still covers. (Cloudflare, "How we built rate limiting capable of scaling to millions of domains", 2017.)
 * What is refused is not counted, so whoever waits as long as they are told gets through.
 */
export class SlidingWindow implements Store {
  readonly localKeys = true
  readonly #counters = new Map<string, Counter>()
  readonly #points: number
  readonly #windowMs: number
  readonly #mostKeys: number
  readonly #now: () => number
  constructor(options: SlidingWindowOptions) {
    this.#points = options.points
    this.#windowMs = options.windowMs
    this.#mostKeys = options.mostKeys ?? 100_000
    this.#now = options.now ?? Date.now
  }

  /** Counts one. More than `points` in `totalHits` means that it was refused; `resetTime` is then when the next one gets through. */
  increment(key: string): ClientRateLimitInfo {
    const now = this.#now()
    const counter = this.#advance(key, now)
    const hits = counter.previous * (1 - (now - counter.windowStart) / this.#windowMs) + counter.current
    if (hits + 1 > this.#points) return { totalHits: this.#points + 1, resetTime: new Date(this.#freeAt(counter)) }
    counter.current += 1
    return { totalHits: Math.ceil(hits + 1), resetTime: new Date(counter.windowStart + this.#windowMs) }
  }

  decrement(key: string): void {
    const counter = this.#counters.get(key)
    if (counter && counter.current > 0) counter.current -= 1
  }

  resetKey(key: string): void {
    this.#counters.delete(key)
  }

  #advance(key: string, now: number): Counter {
    const counter = this.#counters.get(key) ?? { windowStart: now, current: 0, previous: 0 }
    const windowsPassed = Math.floor((now - counter.windowStart) / this.#windowMs)
    if (windowsPassed > 0) {
      counter.previous = windowsPassed === 1 ? counter.current : 0
      counter.current = 0
      counter.windowStart += windowsPassed * this.#windowMs
    }
    this.#counters.delete(key) // again at the end: the map's order is that of last use
    this.#counters.set(key, counter)
    if (this.#counters.size > this.#mostKeys) this.#counters.delete(this.#counters.keys().next().value ?? key)
    return counter
  }

  /** When `previous` has lost so much of its weight that one more fits: in this window, or, where it is full by itself, in the next. */
  #freeAt({ windowStart, current, previous }: Counter): number {
    const room = this.#points - 1 - current
    if (room >= 0) return Math.ceil(windowStart + this.#windowMs * (1 - room / previous))
    return Math.ceil(windowStart + this.#windowMs * (2 - (this.#points - 1) / current))
  }
}
