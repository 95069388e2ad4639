import { countAnswered, countAuthEvents, measureCertificate, measureStored } from '../features/metrics/index.js'
import type { OperationsService } from '../features/operations/index.js'
import { measuredGauge } from '../platform/metrics/measured.js'
import type { Base } from './base.js'
import type { Security } from './security.js'
import type { Streams } from './streams.js'

/** What is known by reading it off the services when somebody asks, or by listening to them. */
export const createMetrics = (
  { config, registry, mongo, redis, collection, leases }: Base,
  { audit }: Security,
  { allSources: sources }: Streams,
  operations: OperationsService,
) => {
  measuredGauge(registry, { name: 'server_ready', help: '1 while requests may be sent here' }, () =>
    operations.readiness() === 'ready' ? 1 : 0,
  )
  measuredGauge(registry, { name: 'mongo_up', help: '1 while MongoDB can be used' }, () => (mongo.ready ? 1 : 0))
  if (redis) measuredGauge(registry, { name: 'redis_up', help: '1 while Redis can be used' }, () => (redis.ready ? 1 : 0))
  measureStored({ registry, ready: () => mongo.ready, collection, sources, leases })
  if (config.metrics.certificateFile !== undefined) measureCertificate(registry, config.metrics.certificateFile)
  audit.onRecorded(countAuthEvents(registry))
  return { onAnswered: countAnswered(registry) }
}
