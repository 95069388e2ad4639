import type { ClientRateLimitInfo, Store } from 'express-rate-limit'
import type { Cluster, Redis } from 'ioredis'
import { z } from 'zod'
import { withDeadline } from '../platform/deadline.js'
import { defineScript, type RunScript } from '../platform/redis-scripts.js'
import { SlidingWindow } from './sliding-window.js'
import { acceptance, hitsIn, refusal, type WindowSize } from './window-counter.js'

const askDeadlineMs = 250

/** KEYS: the counter. ARGV: points, the window in ms. By Redis's own clock, so that workers' clocks may differ. @returns accepted (1 or 0), ms since the window began, current, previous */
const countScript = `
local points, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('HMGET', KEYS[1], 'start', 'current', 'previous')
local start, current, previous = tonumber(stored[1]) or now, tonumber(stored[2]) or 0, tonumber(stored[3]) or 0
if start > now then start = now end
local passed = math.floor((now - start) / window)
if passed > 0 then
  previous = passed == 1 and current or 0
  current = 0
  start = start + passed * window
end
local before = current
if previous * (1 - (now - start) / window) + current + 1 <= points then
  current = current + 1
  redis.call('HSET', KEYS[1], 'start', string.format('%.0f', start), 'current', current, 'previous', previous)
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', window * 2))
end
return {current - before, math.floor(now - start), before, previous}`

const Answer = z.tuple([z.literal([0, 1]), z.int(), z.int(), z.int()])

export type AskRedis = (name: string, size: WindowSize) => Promise<z.infer<typeof Answer>>

/** Counts in Redis, at once for all workers. Made once a connection. */
export const askRedis = (redis: Redis | Cluster): AskRedis => {
  const count: RunScript = defineScript(redis, 'heliographCount', 1, countScript)
  return async (name, { points, windowMs }) =>
    Answer.parse(await withDeadline(count(name, points, Math.round(windowMs)), askDeadlineMs, 'Counting in Redis'))
}

interface AskedWindowOptions extends WindowSize {
  readonly ask: AskRedis
  /** What a key's counter is called in Redis. */
  readonly nameOf: (key: string) => string
  readonly onTrouble: (error: unknown) => void
}

/**
 * A sliding window that all workers share: Redis is asked at each call. This worker counts too, and refuses by itself what it alone has had too much of:
 * so a Redis that is away, or came back empty, never means that nobody is limited.
 */
export class AskedWindow implements Store {
  readonly localKeys = false
  readonly #own: SlidingWindow
  readonly #options: AskedWindowOptions
  constructor(options: AskedWindowOptions) {
    this.#options = options
    this.#own = new SlidingWindow(options)
  }

  async increment(key: string): Promise<ClientRateLimitInfo> {
    const own = this.#own.increment(key)
    if (own.totalHits > this.#options.points) return own
    try {
      const [accepted, sinceStartMs, current, previous] = await this.#options.ask(this.#options.nameOf(key), this.#options)
      const now = Date.now()
      const counter = { windowStart: now - sinceStartMs, current, previous }
      if (accepted) return acceptance(counter, hitsIn(counter, now, this.#options.windowMs) + 1, this.#options)
      this.#own.decrement(key)
      return refusal(counter, this.#options)
    } catch (error) {
      this.#options.onTrouble(error)
      return own
    }
  }

  decrement(key: string): void {
    this.#own.decrement(key)
  }

  resetKey(key: string): void {
    this.#own.resetKey(key)
  }
}
