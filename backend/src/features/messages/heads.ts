import { Cluster, type Redis } from 'ioredis'
import { LRUCache } from 'lru-cache'
import type { mongo } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { withDeadline } from '../../platform/deadline.js'
import type { Keyspace } from '../../platform/keyspace.js'
import { type MessageDocument, seqIndex } from './model.js'

interface Dependencies {
  readonly messages: () => mongo.Collection<MessageDocument>
  readonly keyspace: Keyspace
  readonly redis: Redis | Cluster | undefined
}

/** Heads by conversation id. */
export type HeadMap = Map<string, number>

const hintDeadlineMs = 50
const readDeadlineMs = 5000
const rememberedSeconds = 3600
const mostRemembered = 100_000

/** KEYS: heads. ARGV: seconds to live, then a seq per key. Only raises: a late writer cannot take a newer head back. */
const raiseScript = `
for n, key in ipairs(KEYS) do
  local seq = tonumber(ARGV[n + 1])
  if seq > tonumber(redis.call('GET', key) or 0) then redis.call('SET', key, ARGV[n + 1], 'EX', ARGV[1]) end
end`

/**
 * The seq of each conversation's newest message, as far as is known.
 * A head that is too low costs a conflict and a look; one that is too high would leave a gap. So a head is only ever learned from
 * an insert that a majority acknowledged, or from a majority read on the primary, and what is remembered carries the database's generation.
 */
export class Heads {
  readonly #deps: Dependencies
  readonly #remembered = new LRUCache<string, number>({ max: mostRemembered })
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** From Redis and this worker's memory, whichever knows more; the database where neither knows anything. */
  async of(conversationIds: ReadonlySet<string>): Promise<HeadMap> {
    const ids = [...conversationIds]
    const keys = ids.map((id) => this.#deps.keyspace.head(id))
    const hints = await this.#hints(keys)
    const heads: HeadMap = new Map()
    const unknown: string[] = []
    for (const [n, id] of ids.entries()) {
      const head = Math.max(hints.get(keys[n] ?? '') ?? 0, this.#remembered.get(keys[n] ?? '') ?? 0)
      if (head > 0) heads.set(id, head)
      else unknown.push(id)
    }
    const read = await Promise.all(unknown.map((id) => this.read(id)))
    for (const [n, id] of unknown.entries()) heads.set(id, read[n] ?? 0)
    return heads
  }

  /** From the database itself, a majority of it: 0 where the conversation has no message. */
  async read(conversationId: string): Promise<number> {
    const newest = await this.#deps.messages().findOne(
      { conversationId: toObjectId(conversationId) },
      {
        sort: { seq: -1 },
        hint: seqIndex, // a planner without statistics may sort the whole conversation instead
        projection: { _id: 0, seq: 1 },
        readConcern: { level: 'majority' },
        readPreference: 'primary',
        maxTimeMS: readDeadlineMs,
      },
    )
    const head = newest?.seq ?? 0
    this.#remember(this.#deps.keyspace.head(conversationId), head)
    return head
  }

  /** Remembers heads that a majority has acknowledged. Redis is told without waiting: it holds hints alone. */
  raise(heads: HeadMap): void {
    if (heads.size === 0) return
    const { redis, keyspace } = this.#deps
    const seqs = new Map([...heads].map(([id, seq]) => [keyspace.head(id), seq]))
    for (const [key, seq] of seqs) this.#remember(key, seq)
    for (const keys of this.#inOneCommand([...seqs.keys()])) {
      const values = keys.map((key) => seqs.get(key) ?? 0)
      redis?.eval(raiseScript, keys.length, ...keys, rememberedSeconds, ...values).catch(() => undefined) // a hint less
    }
  }

  /** Forgets what this worker remembers: after a write whose outcome is not known. */
  forget(conversationIds: Iterable<string>): void {
    for (const id of conversationIds) this.#remembered.delete(this.#deps.keyspace.head(id))
  }

  #remember(key: string, seq: number): void {
    if (seq > (this.#remembered.get(key) ?? 0)) this.#remembered.set(key, seq)
  }

  /** By key; what Redis has answered in time. */
  async #hints(keys: string[]): Promise<ReadonlyMap<string, number>> {
    const { redis } = this.#deps
    const hints = new Map<string, number>()
    if (!redis) return hints
    const asking = this.#inOneCommand(keys).map(async (some) => {
      const values = await withDeadline(redis.mget(some), hintDeadlineMs, 'heads from Redis').catch(() => [])
      for (const [n, value] of values.entries()) hints.set(some[n] ?? '', Number(value ?? 0))
    })
    await Promise.all(asking)
    return hints
  }

  /** One Redis takes all keys in one command, a cluster those of one shard. */
  #inOneCommand(keys: string[]): string[][] {
    const { redis, keyspace } = this.#deps
    return redis instanceof Cluster ? keyspace.byShard(keys) : [keys]
  }
}
