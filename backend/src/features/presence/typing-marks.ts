import type { Cluster, Redis } from 'ioredis'
import type { Keyspace } from '../../platform/keyspace.js'

/** Which worker heard last that somebody types: the others leave it to that one to say that it is over. Never throws: it is only typing. */
export interface TypingMarks {
  take(conversationId: string, userId: string, forMs: number): void
  /** @returns true where this worker's mark is the last */
  isOurs(conversationId: string, userId: string): Promise<boolean>
  /** @returns true where there was one */
  drop(conversationId: string, userId: string): Promise<boolean>
}

/** Longer than the worker that took it needs to see that it is over. */
const marginMs = 5000

export class RedisTypingMarks implements TypingMarks {
  readonly #redis: Redis | Cluster
  readonly #keyspace: Keyspace
  readonly #worker: string
  constructor(deps: { redis: Redis | Cluster; keyspace: Keyspace; worker: string }) {
    this.#redis = deps.redis
    this.#keyspace = deps.keyspace
    this.#worker = deps.worker
  }

  take(conversationId: string, userId: string, forMs: number): void {
    this.#redis.set(this.#keyspace.typing(conversationId, userId), this.#worker, 'PX', forMs + marginMs).catch(() => undefined)
  }

  async isOurs(conversationId: string, userId: string): Promise<boolean> {
    const worker = await this.#redis.get(this.#keyspace.typing(conversationId, userId)).catch(() => null)
    return worker === this.#worker
  }

  async drop(conversationId: string, userId: string): Promise<boolean> {
    return (await this.#redis.del(this.#keyspace.typing(conversationId, userId)).catch(() => 0)) === 1
  }
}

/** For a single process, which knows by itself. */
export const ownTypingMarks: TypingMarks = {
  take: () => undefined,
  isOurs: () => Promise.resolve(true),
  drop: () => Promise.resolve(false),
}
