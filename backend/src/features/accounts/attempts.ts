import type { Cluster, Redis } from 'ioredis'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import { withDeadline } from '../../platform/deadline.js'
import { defineScript, type RunScript } from '../../platform/redis-scripts.js'

export interface AttemptRules {
  /** As many may fail before no more are judged. */
  readonly most: number
  /** How long an attempt is remembered after the last one. */
  readonly rememberedMs: number
}

export interface Counted {
  /** How many there are with this one; one more than `most` where it may not be judged. */
  readonly attempts: number
  /** Until they are forgotten. */
  readonly forgottenInMs: number
}

/** Counts attempts by key, each before it is judged: however many come at once, `most` are judged. */
export interface Attempts {
  count(key: string): Promise<Counted>
  /** The attempt was neither good nor bad. */
  takeBack(key: string): Promise<void>
  forget(key: string): Promise<void>
}

/** KEYS 1 the counter  ARGV 1 most  2 for how many ms it is remembered */
const countScript = `
local attempts = tonumber(redis.call('GET', KEYS[1]) or '0')
if attempts >= tonumber(ARGV[1]) then return {attempts + 1, redis.call('PTTL', KEYS[1])} end
attempts = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {attempts, tonumber(ARGV[2])}
`
const takeBackScript = `
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DECR', KEYS[1]) end
return 1
`
const Answer = z.tuple([z.int(), z.int()])
const deadlineMs = 500

/** Attempts that all workers count together. All of it throws where Redis is away. */
export class RedisAttempts implements Attempts {
  readonly #redis: Redis | Cluster
  readonly #rules: AttemptRules
  readonly #count: RunScript
  readonly #takeBack: RunScript
  constructor(redis: Redis | Cluster, rules: AttemptRules) {
    this.#redis = redis
    this.#rules = rules
    this.#count = defineScript(redis, 'heliographCountAttempt', 1, countScript)
    this.#takeBack = defineScript(redis, 'heliographTakeBackAttempt', 1, takeBackScript)
  }

  async count(key: string): Promise<Counted> {
    const counted = this.#count(key, this.#rules.most, this.#rules.rememberedMs)
    const [attempts, forgottenInMs] = Answer.parse(await withDeadline(counted, deadlineMs, 'Counting attempts in Redis'))
    return { attempts, forgottenInMs: Math.max(1, forgottenInMs) }
  }

  async takeBack(key: string): Promise<void> {
    await withDeadline(this.#takeBack(key), deadlineMs, 'Counting attempts in Redis')
  }

  async forget(key: string): Promise<void> {
    await withDeadline(this.#redis.del(key), deadlineMs, 'Forgetting attempts in Redis')
  }
}

const mostInMemory = 100_000

/** Attempts that one process counts. */
export class MemoryAttempts implements Attempts {
  readonly #rules: AttemptRules
  readonly #counters: LRUCache<string, number>
  constructor(rules: AttemptRules) {
    this.#rules = rules
    this.#counters = new LRUCache({ max: mostInMemory, ttl: rules.rememberedMs })
  }

  count(key: string): Promise<Counted> {
    const before = this.#counters.get(key) ?? 0
    if (before < this.#rules.most) this.#counters.set(key, before + 1)
    return Promise.resolve({ attempts: before + 1, forgottenInMs: Math.max(1, this.#counters.getRemainingTTL(key)) })
  }

  takeBack(key: string): Promise<void> {
    const before = this.#counters.get(key)
    if (before !== undefined) this.#counters.set(key, before - 1, { noUpdateTTL: true })
    return Promise.resolve()
  }

  forget(key: string): Promise<void> {
    this.#counters.delete(key)
    return Promise.resolve()
  }
}
