import type { ClientRateLimitInfo } from 'express-rate-limit'

/**
 * A sliding window of two weighted counters: what was counted in the last window weighs by the part of it that the sliding window
 * still covers. (Cloudflare, "How we built rate limiting capable of scaling to millions of domains", 2017.)
 */
export interface WindowCounter {
  windowStart: number
  current: number
  previous: number
}

export interface WindowSize {
  readonly points: number
  readonly windowMs: number
}

/** Brings a counter to the window that it is now. */
export const advance = (counter: WindowCounter, now: number, windowMs: number): void => {
  const windowsPassed = Math.floor((now - counter.windowStart) / windowMs)
  if (windowsPassed <= 0) return
  counter.previous = windowsPassed === 1 ? counter.current : 0
  counter.current = 0
  counter.windowStart += windowsPassed * windowMs
}

/** How many are in the sliding window, in parts. */
export const hitsIn = ({ windowStart, current, previous }: WindowCounter, now: number, windowMs: number): number =>
  previous * (1 - Math.max(0, now - windowStart) / windowMs) + current

/** When `previous` has lost so much of its weight that one more fits: in this window, or, where it is full by itself, in the next. */
const freeAt = ({ windowStart, current, previous }: WindowCounter, { points, windowMs }: WindowSize): number => {
  const room = points - 1 - current
  if (room >= 0) return Math.ceil(windowStart + windowMs * (1 - room / previous))
  return Math.ceil(windowStart + windowMs * (2 - (points - 1) / current))
}

/** More than `points` in `totalHits` means refused; `resetTime` is when the next one gets through. */
export const refusal = (counter: WindowCounter, size: WindowSize): ClientRateLimitInfo => ({
  totalHits: size.points + 1,
  resetTime: new Date(freeAt(counter, size)),
})

/** @param hits how many there are with this one */
export const acceptance = ({ windowStart }: WindowCounter, hits: number, { windowMs }: WindowSize): ClientRateLimitInfo => ({
  totalHits: Math.ceil(hits),
  resetTime: new Date(windowStart + windowMs),
})
