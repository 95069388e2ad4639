import type { Redis } from 'ioredis'

/** What becomes of what was subscribed to. */
export interface SubscriberListener {
  message(name: string, payload: Buffer): void
  /** Something may have been missed, and nothing is subscribed any more. May come again before `ready`. */
  lost(): void
  /** Names can be subscribed to, for the first time or again. */
  ready(): void
}

/** Where channels are subscribed to: one Redis, or all masters of a Redis Cluster. It subscribes to nothing again by itself. */
export interface Subscriber {
  /** What publishes to those who subscribe here. */
  readonly publishes: 'PUBLISH' | 'SPUBLISH'
  /** Once resolved, what is published arrives. @param tag what all the names carry */
  subscribe(tag: string, names: readonly string[]): Promise<void>
  unsubscribe(tag: string, name: string): void
  listen(listener: SubscriberListener): void
}

/** The subscriber of one Redis, alone or under Sentinel. */
export class RedisSubscriber implements Subscriber {
  readonly publishes = 'PUBLISH'
  readonly #redis: Redis
  /** @param redis with `autoResubscribe: false` */
  constructor(redis: Redis) {
    this.#redis = redis
  }

  async subscribe(_tag: string, names: readonly string[]): Promise<void> {
    await this.#redis.subscribe(...names)
  }

  unsubscribe(_tag: string, name: string): void {
    this.#redis.unsubscribe(name).catch(() => undefined) // without a connection there is no subscription either
  }

  listen(listener: SubscriberListener): void {
    this.#redis.on('messageBuffer', (name: Buffer, payload: Buffer) => listener.message(name.toString(), payload))
    this.#redis.on('close', () => listener.lost())
    this.#redis.on('ready', () => listener.ready())
  }
}
