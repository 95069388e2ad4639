import type { Cluster, Redis } from 'ioredis'
import type { Logger } from './logger.js'
import { RedisClients } from './redis.js'
import type { RedisSettings } from './redis-address.js'
import { RedisClusterClients } from './redis-cluster.js'
import type { Subscriber } from './redis-subscriber.js'

/** What the server has of Redis: one for commands, one that only subscribes; to one Redis, under Sentinel, or to a Redis Cluster. */
export interface RedisConnections {
  readonly commands: Redis | Cluster
  readonly channels: Subscriber
  /** True when all connections stand and every server is one that may be used. */
  readonly ready: boolean
  /** Why a connected server may not be used, and what to set; undefined where it may, or is not known. */
  readonly refusal: string | undefined
  /** Connects in the background, for ever. */
  start(): void
  /** @returns how long a PING took, in milliseconds. @throws where there is no connection, no answer in time, or a server is refused */
  ping(): Promise<number>
  close(): void
}

/** @param tags of which shards a Redis Cluster is subscribed to */
export const redisConnections = (settings: RedisSettings, tags: readonly string[], logger: Logger): RedisConnections =>
  'cluster' in settings.at ? new RedisClusterClients(settings, settings.at.cluster, tags, logger) : new RedisClients(settings, logger)
