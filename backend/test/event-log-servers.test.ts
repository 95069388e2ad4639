import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { temporaryFolder } from '../../dev/services/temporary-folder.js'
import { createLogger } from '../src/platform/logger.js'
import { RedisClients } from '../src/platform/redis.js'
import { type RedisConnections, redisConnections } from '../src/platform/redis-connections.js'
import { tagOf } from '../src/platform/shards.js'
import { RedisLog } from '../src/realtime/log/redis-log.js'
import { read } from './support/configuration.js'
import { promisesOfAnEventLog, suiteLimits } from './support/event-log-suite.js'
import { startRedisCluster } from './support/redis-cluster.js'
import { startRedis } from './support/redis-server.js'
import { aCertificate, anAuthority } from './support/redis-server-certificates.js'
import { until } from './support/redis-server-clients.js'

interface Servers {
  /** REDIS_* */
  readonly variables: Readonly<Record<string, string>>
  stop(): Promise<unknown> | undefined
}

const withPasswordAndTls = async (): Promise<Servers> => {
  const folder = temporaryFolder()
  const authority = await anAuthority(folder.path, 'ours')
  const { certificate, key } = await aCertificate(folder.path, authority, 'IP:127.0.0.1')
  const port = await freePort()
  const tls = ['--tls-port', String(port), '--tls-auth-clients', 'no', '--tls-cert-file', certificate, '--tls-key-file', key]
  const server = await startRedis({ password: 'secret', settings: [...tls, '--tls-ca-cert-file', authority.certificate] })
  const variables = { REDIS_URL: `rediss://:secret@127.0.0.1:${port}`, REDIS_CA_FILE: authority.certificate }
  return { variables, stop: () => server.stop().then(() => folder.remove()) }
}

const underSentinel = async (): Promise<Servers> => {
  const master = await startRedis()
  const sentinel = await startRedis({ sentinel: [`sentinel monitor mymaster 127.0.0.1 ${master.port} 1`] })
  return { variables: { REDIS_SENTINELS: `127.0.0.1:${sentinel.port}` }, stop: () => Promise.all([sentinel.stop(), master.stop()]) }
}

const asCluster = async (): Promise<Servers> => {
  const cluster = await startRedisCluster()
  return { variables: { REDIS_CLUSTER: cluster.addresses }, stop: () => cluster.stop() }
}

const kinds: [string, number, () => Promise<Servers>][] = [
  ['a Redis with a password and TLS', 1, withPasswordAndTls],
  ['a Redis under Sentinel', 2, underSentinel],
  ['a Redis Cluster of three', 5, asCluster],
]

describe.each(kinds)('the event log in %s', (_name, shards, start) => {
  let servers: Servers | undefined
  let connections: RedisConnections | undefined
  beforeAll(async () => {
    servers = await start()
    const settings = read(servers.variables).redis
    if (!settings) throw new Error('no Redis is configured')
    const tags = Array.from({ length: shards }, (_, shard) => tagOf(shard))
    connections = redisConnections(settings, tags, createLogger('silent'))
    if (connections instanceof RedisClients) connections.subscriber.setMaxListeners(0) // a log a test, all on this connection
    connections.start()
    await until(() => connections?.ready)
  })
  afterAll(async () => {
    connections?.close()
    await servers?.stop()
  })

  promisesOfAnEventLog(() => {
    if (!connections) throw new Error('no Redis')
    const generation = randomUUID()
    return new RedisLog({
      commands: connections.commands,
      subscriber: connections.channels,
      generation: () => generation,
      limits: suiteLimits,
      shards,
    })
  })
})
