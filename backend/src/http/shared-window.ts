import type { ClientRateLimitInfo, Store } from 'express-rate-limit'
import { mostKeysOfWindow } from './sliding-window.js'
import { acceptance, hitsIn, refusal, type WindowCounter, type WindowSize } from './window-counter.js'

interface SharedCounter extends WindowCounter {
  index: number
  /** Of `current` and `previous`, what the other workers were not told yet. */
  unsentCurrent: number
  unsentPrevious: number
}

/** What a worker counted by itself, in one window and in the one before. */
export interface OwnCounts {
  readonly key: string
  /** The number of the window since 1970. */
  readonly index: number
  readonly current: number
  readonly previous: number
}

interface SharedWindowOptions extends WindowSize {
  readonly mostKeys?: number
  readonly now?: () => number
}

/**
 * A sliding window that is counted in memory and told to the other workers from time to time: a request waits for nobody.
 * Its windows are those of the clock, the same for all workers. Between two tellings each worker knows its own count and what it was told last.
 */
export class SharedWindow implements Store {
  readonly localKeys = false
  readonly windowMs: number
  readonly #counters = new Map<string, SharedCounter>()
  readonly #unsent = new Set<string>()
  readonly #size: WindowSize
  readonly #mostKeys: number
  readonly #now: () => number
  constructor(options: SharedWindowOptions) {
    this.#size = options
    this.windowMs = options.windowMs
    this.#mostKeys = options.mostKeys ?? mostKeysOfWindow
    this.#now = options.now ?? Date.now
  }

  /** See `SlidingWindow.increment`. */
  increment(key: string): ClientRateLimitInfo {
    const now = this.#now()
    const counter = this.#of(key, now)
    const hits = hitsIn(counter, now, this.windowMs) + 1
    if (hits > this.#size.points) return refusal(counter, this.#size)
    counter.current += 1
    counter.unsentCurrent += 1
    this.#unsent.add(key)
    return acceptance(counter, hits, this.#size)
  }

  decrement(key: string): void {
    const counter = this.#counters.get(key)
    if (!counter || counter.unsentCurrent === 0) return
    counter.current -= 1
    counter.unsentCurrent -= 1
  }

  resetKey(key: string): void {
    this.#forget(key)
  }

  /** Takes what is to be told: `most` keys. Who fails to tell it leaves it untold; this worker goes on counting it. */
  take(most: number): OwnCounts[] {
    const taken: OwnCounts[] = []
    for (const key of this.#unsent) {
      if (taken.length === most) break
      this.#unsent.delete(key)
      const counter = this.#counters.get(key)
      if (!counter) continue
      this.#turn(counter)
      const { index, unsentCurrent: current, unsentPrevious: previous } = counter
      if (current + previous > 0) taken.push({ key, index, current, previous })
      counter.unsentCurrent = 0
      counter.unsentPrevious = 0
    }
    return taken
  }

  /** Believes what all workers together have counted, unless it knows of more: a store may have lost something. */
  learn({ key, index }: OwnCounts, all: { readonly current: number; readonly previous: number }): void {
    const counter = this.#counters.get(key)
    if (counter?.index === index) {
      counter.current = Math.max(counter.current, all.current + counter.unsentCurrent)
      counter.previous = Math.max(counter.previous, all.previous)
    } else if (counter?.index === index + 1) {
      counter.previous = Math.max(counter.previous, all.current + counter.unsentPrevious)
    }
  }

  #of(key: string, now: number): SharedCounter {
    const index = Math.floor(now / this.windowMs)
    const fresh = { index, windowStart: index * this.windowMs, current: 0, previous: 0, unsentCurrent: 0, unsentPrevious: 0 }
    const counter = this.#counters.get(key) ?? fresh
    this.#turn(counter)
    this.#counters.delete(key) // again at the end: the map's order is that of last use
    this.#counters.set(key, counter)
    if (this.#counters.size > this.#mostKeys) this.#forget(this.#counters.keys().next().value ?? key)
    return counter
  }

  #turn(counter: SharedCounter): void {
    const index = Math.floor(this.#now() / this.windowMs)
    if (index <= counter.index) return
    const next = index === counter.index + 1
    counter.previous = next ? counter.current : 0
    counter.unsentPrevious = next ? counter.unsentCurrent : 0
    counter.current = 0
    counter.unsentCurrent = 0
    counter.index = index
    counter.windowStart = index * this.windowMs
  }

  #forget(key: string): void {
    this.#counters.delete(key)
    this.#unsent.delete(key)
  }
}
