import type { Cluster, Redis } from 'ioredis'
import { z } from 'zod'
import type { Keyspace } from '../platform/keyspace.js'
import { defineScript, type RunScript } from '../platform/redis-scripts.js'
import type { OwnCounts, SharedWindow } from './shared-window.js'

interface Dependencies {
  readonly redis: Redis | Cluster
  /** False while Redis is away: what is counted meanwhile is told when it is back. */
  readonly ready: () => boolean
  readonly keyspace: Keyspace
  readonly onTrouble: (error: unknown) => void
}

const turnMs = 1000
/** Of one script call: a millisecond or so of Redis. */
const mostOfBatch = 500
/** Of one limit in a turn; the rest is told in the next. */
const mostOfTurn = 10_000

/** KEYS: counters. ARGV: how long they live in ms, then what to add to each. @returns what each is now */
const shareScript = `
local counts = {}
for n, key in ipairs(KEYS) do
  local own = tonumber(ARGV[n + 1])
  if own > 0 then
    counts[n] = redis.call('INCRBY', key, own)
    redis.call('PEXPIRE', key, ARGV[1])
  else
    counts[n] = tonumber(redis.call('GET', key) or 0)
  end
end
return counts`

const Counts = z.array(z.int())

/** Every second, adds what this worker has counted to what all have, and learns their sum. */
export class LimitSharing {
  readonly #deps: Dependencies
  readonly #share: RunScript
  readonly #windows = new Map<string, SharedWindow>()
  #timer: NodeJS.Timeout | undefined
  #turning: Promise<void> | undefined
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#share = defineScript(deps.redis, 'heliographShareCounts', 'counted', shareScript)
  }

  /** @param name what the counters are called in Redis */
  add(name: string, window: SharedWindow): void {
    this.#windows.set(name, window)
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#turn(), turnMs).unref()
  }

  /** Tells the last. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#turn()
  }

  #turn(): Promise<void> {
    this.#turning ??= this.#tellAll()
      .catch((error: unknown) => this.#deps.onTrouble(error))
      .finally(() => {
        this.#turning = undefined
      })
    return this.#turning
  }

  async #tellAll(): Promise<void> {
    for (const [name, window] of this.#windows) {
      for (let told = 0; told < mostOfTurn && this.#deps.ready(); told += mostOfBatch) {
        const own = window.take(mostOfBatch)
        await this.#tell(name, window, own)
        if (own.length < mostOfBatch) break
      }
    }
  }

  async #tell(limit: string, window: SharedWindow, own: readonly OwnCounts[]): Promise<void> {
    const { keyspace } = this.#deps
    const byName = new Map(own.map((counts) => [keyspace.limit(limit, counts.key), counts]))
    const ofShards = keyspace.byShard([...byName.keys()])
    await Promise.all(
      ofShards.map(async (names) => {
        const ofShard = names.flatMap((name) => byName.get(name) ?? [])
        const keys = ofShard.flatMap(({ index }, n) => [`${names[n]}:${index}`, `${names[n]}:${index - 1}`])
        const added = ofShard.flatMap(({ current, previous }) => [current, previous])
        const counts = Counts.parse(await this.#share(keys.length, ...keys, Math.ceil(window.windowMs * 2), ...added))
        for (const [n, counted] of ofShard.entries()) {
          window.learn(counted, { current: counts[2 * n] ?? 0, previous: counts[2 * n + 1] ?? 0 })
        }
      }),
    )
  }
}
