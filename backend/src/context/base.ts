import { Registry } from 'prom-client'
import type { Config } from '../config.js'
import { Idempotency } from '../http/idempotency.js'
import { countRefusals } from '../http/limit-metrics.js'
import { Limits } from '../http/limits.js'
import { Problem } from '../http/problem.js'
import { AccessTokens } from '../platform/access-tokens.js'
import { createDeliveries } from '../platform/deliveries.js'
import { Keyspace } from '../platform/keyspace.js'
import type { Logger } from '../platform/logger.js'
import { DatabaseMetrics } from '../platform/metrics/database-metrics.js'
import { Mongo } from '../platform/mongo.js'
import { redisConnections } from '../platform/redis-connections.js'
import { tagOf } from '../platform/shards.js'
import { createStorage } from '../platform/storage/create-storage.js'
import { traceCommands } from '../platform/telemetry/database-spans.js'
import type { Telemetry } from '../platform/telemetry/telemetry.js'
import { Hub } from '../realtime/hub.js'
import { Leases } from '../realtime/leases.js'
import { MemoryLog } from '../realtime/log/memory-log.js'
import { RedisLog } from '../realtime/log/redis-log.js'
import { Outbox } from '../realtime/outbox.js'
import { Pulse } from '../realtime/pulse.js'
import { measureStreams, publishLatency } from '../realtime/stream-metrics.js'
import { createModels } from './models.js'
import { type ContextTiming, outletOf } from './timing.js'

export type Base = ReturnType<typeof createBase>

/** What every feature stands on: the database, Redis, the event log and its hub, the outbox. */
export const createBase = (config: Config, logger: Logger, timing: ContextTiming, telemetry: Telemetry) => {
  const registry = new Registry()
  const databaseMetrics = new DatabaseMetrics(registry)
  const mongo = new Mongo(config.mongo, logger, (client) => {
    databaseMetrics.observe(client)
    if (telemetry.tracing) traceCommands(client, telemetry.tracing)
  })
  const { connection } = mongo
  const { shards } = config.eventLog
  const tags = Array.from({ length: shards }, (_, shard) => tagOf(shard))
  const redis = config.redis && redisConnections(config.redis, tags, logger)
  const generation = () => mongo.generation
  const keyspace = new Keyspace(generation, shards)
  const log = redis
    ? new RedisLog({
        commands: redis.commands,
        subscriber: redis.channels,
        generation,
        limits: config.eventLog,
        shards,
        refusal: () => redis.refusal,
      })
    : new MemoryLog(config.eventLog)
  const latency = publishLatency(registry)
  const hub = new Hub(log, logger, { latency })
  latency.hear((channel) => hub.tells(channel))
  measureStreams(registry, hub)
  const { forgetAfterMs } = timing
  const collection = <D extends object>(name: string) => connection.getClient().db(connection.name).collection<D>(name)
  const models = createModels(connection)
  return {
    config,
    logger,
    /** What this worker counts and measures. */
    registry,
    telemetry,
    mongo,
    connection,
    models,
    idempotency: new Idempotency({ keys: models.idempotencyKeys }),
    collection,
    /** As `collection`; what was begun for a database is not written to another one, which it may be when it is back. */
    collectionOfNow: <D extends object>(name: string) => {
      if (!mongo.ready) throw new Problem('service_unavailable', 'The database cannot be reached')
      return collection<D>(name)
    },
    redis,
    keyspace,
    log,
    hub,
    pulse: new Pulse(hub),
    outbox: new Outbox({
      log,
      logger,
      latency,
      onEpoch: (epoch) => hub.noteEpoch(epoch),
      ...(forgetAfterMs !== undefined && { forgetAfterMs }),
    }),
    leases: new Leases({ leases: () => collection('leases'), logger }),
    limits: new Limits({ rates: config.limits, redis, keyspace, logger, onRefused: countRefusals(registry) }),
    accessTokens: new AccessTokens(config.tokens),
    storage: createStorage(config.storage),
    deliveries: createDeliveries(config, config.environment === 'production' ? undefined : outletOf(timing), registry),
  }
}
