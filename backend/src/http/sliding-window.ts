import type { ClientRateLimitInfo, Store } from 'express-rate-limit'

interface Counter {
  windowStart: number
  current: number
  previous: number
}

/**
 * A sliding window of two weighted counters, in memory: what was counted in the last window weighs by the part of it
 * that the sliding window still covers. (Cloudflare, "How we built rate limiting capable of scaling to millions of domains", 2017.)
 * Holds at most `mostKeys`; past that the oldest is forgotten.
 */
export class SlidingWindow implements Store {
  readonly localKeys = true
  readonly #counters = new Map<string, Counter>()
  readonly #windowMs: number
  readonly #mostKeys: number
  readonly #now: () => number
  constructor(options: { windowMs: number; mostKeys?: number; now?: () => number }) {
    this.#windowMs = options.windowMs
    this.#mostKeys = options.mostKeys ?? 100_000
    this.#now = options.now ?? Date.now
  }

  increment(key: string): ClientRateLimitInfo {
    const counter = this.#advance(key)
    counter.current += 1
    return this.#info(counter)
  }

  get(key: string): ClientRateLimitInfo | undefined {
    return this.#counters.has(key) ? this.#info(this.#advance(key)) : undefined
  }

  decrement(key: string): void {
    const counter = this.#counters.get(key)
    if (counter && counter.current > 0) counter.current -= 1
  }

  resetKey(key: string): void {
    this.#counters.delete(key)
  }

  #advance(key: string): Counter {
    const now = this.#now()
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

  #info(counter: Counter): ClientRateLimitInfo {
    const passed = (this.#now() - counter.windowStart) / this.#windowMs
    const totalHits = Math.max(1, Math.ceil(counter.previous * (1 - passed) + counter.current))
    return { totalHits, resetTime: new Date(counter.windowStart + this.#windowMs) }
  }
}
