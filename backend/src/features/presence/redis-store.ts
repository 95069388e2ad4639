import type { Cluster, Redis } from 'ioredis'
import type { Keyspace } from '../../platform/keyspace.js'
import { defineScript, type RunScript } from '../../platform/redis-scripts.js'
import { claimMs, type Gone, mostGone, type PresenceStore } from './store.js'

interface Dependencies {
  readonly redis: Redis | Cluster
  readonly keyspace: Keyspace
  readonly worker: string
}

/** KEYS 1 a person: until when they count as there, by worker  2 of their shard: whom to look for, and when. Times in ms, by the clock of Redis. */
const shared = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function ms(value) return string.format('%.0f', value) end
local function isThere() return redis.call('ZCOUNT', KEYS[1], '(' .. ms(now), '+inf') > 0 end
`

/** ARGV 1 worker  2 for how long  3 the person  4 for how long nothing is forgotten. Answers 1 where they were nowhere before. */
const touchScript = `${shared}
local newcomer = isThere() and 0 or 1
local till = ms(now + tonumber(ARGV[2]))
redis.call('ZADD', KEYS[1], till, ARGV[1])
redis.call('ZADD', KEYS[2], till, ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return newcomer
`

/** ARGV 1 the person  2 for how long who asks may tell. Answers until when they were there; nothing where they are, or another one tells. */
const claimScript = `${shared}
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
if last and tonumber(last) > now then
  redis.call('ZADD', KEYS[2], last, ARGV[1])
  return false
end
local due = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not due or tonumber(due) > now then return false end
redis.call('ZADD', KEYS[2], ms(now + tonumber(ARGV[2])), ARGV[1])
return last or due
`

/** ARGV 1 the person. Answers 0 where they are back. */
const forgetScript = `${shared}
if isThere() then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
`

const keptMs = 86_400_000
const mostAtOnce = 200

/** Presence that all workers share. */
export class RedisPresence implements PresenceStore {
  readonly #deps: Dependencies
  readonly #touch: RunScript
  readonly #claim: RunScript
  readonly #forget: RunScript
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#touch = defineScript(deps.redis, 'presence_touch', 2, touchScript)
    this.#claim = defineScript(deps.redis, 'presence_claim', 2, claimScript)
    this.#forget = defineScript(deps.redis, 'presence_forget', 2, forgetScript)
  }

  async touch(userIds: readonly string[], forMs: number): Promise<string[]> {
    return this.#filter(
      userIds,
      async (userId) => (await this.#touch(...this.#keys(userId), this.#deps.worker, forMs, userId, keptMs)) === 1,
    )
  }

  async online(userIds: readonly string[]): Promise<string[]> {
    const { redis, keyspace } = this.#deps
    return this.#filter(userIds, async (userId) => (await redis.zcount(keyspace.presence(userId), `(${Date.now()}`, '+inf')) > 0)
  }

  async gone(): Promise<Gone[]> {
    const { redis, keyspace } = this.#deps
    const due = await Promise.all(
      keyspace.presenceDues().map((key) => redis.zrange(key, '-inf', Date.now(), 'BYSCORE', 'LIMIT', 0, mostGone)),
    )
    const claims = due
      .flat()
      .slice(0, mostGone)
      .map(async (userId) => ({ userId, until: await this.#claim(...this.#keys(userId), userId, claimMs) }))
    return (await Promise.all(claims)).flatMap(({ userId, until }) =>
      typeof until === 'string' ? [{ userId, until: new Date(Number(until)) }] : [],
    )
  }

  async forget(userId: string): Promise<boolean> {
    return (await this.#forget(...this.#keys(userId), userId)) === 1
  }

  #keys(userId: string): [string, string] {
    const { keyspace } = this.#deps
    return [keyspace.presence(userId), keyspace.presenceDue(userId)]
  }

  /** Asks for many, some at once: no other command waits for long behind them. */
  async #filter(userIds: readonly string[], isOne: (userId: string) => Promise<boolean>): Promise<string[]> {
    const found: string[] = []
    for (let n = 0; n < userIds.length; n += mostAtOnce) {
      const chunk = userIds.slice(n, n + mostAtOnce)
      const answers = await Promise.all(chunk.map(isOne))
      found.push(...chunk.filter((_, index) => answers[index]))
    }
    return found
  }
}
