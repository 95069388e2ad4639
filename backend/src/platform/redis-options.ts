import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { ClusterOptions, RedisOptions } from 'ioredis'
import type { RedisSettings } from './redis-address.js'

const commandDeadlineMs = 2000
const connectDeadlineMs = 5000
/** From saying goodbye to destroying the socket: a server that hangs never answers it. */
const closeDeadlineMs = 500
const mostRedirections = 20
const redirectionDelayMs = 100
const reconnectMs = { first: 100, most: 2000 }

export const backoff = (attempt: number): number =>
  Math.min(reconnectMs.first * 2 ** Math.min(attempt, 6), reconnectMs.most) * (0.5 + Math.random() / 2)

const tlsOf = ({ at, tls }: RedisSettings): ConnectionOptions | undefined =>
  tls && {
    rejectUnauthorized: true,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...('host' in at && isIP(at.host) === 0 ? { servername: at.host } : {}),
  }

const placeOf = ({ at }: RedisSettings, tls: ConnectionOptions | undefined): RedisOptions => {
  if ('cluster' in at) return { ...(tls && { tls }) }
  if ('host' in at) return { host: at.host, port: at.port, ...(tls && { tls }) }
  return {
    sentinels: [...at.sentinels],
    name: at.name,
    role: 'master',
    sentinelCommandTimeout: commandDeadlineMs,
    sentinelRetryStrategy: backoff,
    ...(at.password === undefined ? {} : { sentinelPassword: at.password }),
    ...(tls && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
  }
}

/** Options for every connection: nothing is queued, nothing is sent twice, every wait has an end, and connecting is tried for ever. */
export const redisOptions = (settings: RedisSettings): RedisOptions => ({
  ...placeOf(settings, tlsOf(settings)),
  ...(settings.username === undefined ? {} : { username: settings.username }),
  ...(settings.password === undefined ? {} : { password: settings.password }),
  db: settings.database,
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  commandTimeout: commandDeadlineMs,
  connectTimeout: connectDeadlineMs,
  disconnectTimeout: closeDeadlineMs,
  retryStrategy: backoff,
})

/** Options for a connection to one server of a Redis Cluster: who holds it makes it anew, elsewhere perhaps. */
export const nodeOptions = (settings: RedisSettings): RedisOptions => ({
  ...redisOptions(settings),
  retryStrategy: () => null,
  autoResubscribe: false,
})

/** Options for a Redis Cluster's commands. A server's own name is looked up anew at every connection. */
export const clusterOptions = (settings: RedisSettings): ClusterOptions => {
  const { retryStrategy: _retry, enableOfflineQueue: _queue, ...node } = redisOptions(settings)
  return {
    redisOptions: node,
    lazyConnect: true,
    enableOfflineQueue: false,
    slotsRefreshTimeout: commandDeadlineMs,
    clusterRetryStrategy: backoff,
    maxRedirections: mostRedirections,
    retryDelayOnFailover: redirectionDelayMs,
    retryDelayOnClusterDown: redirectionDelayMs,
    retryDelayOnTryAgain: redirectionDelayMs,
    dnsLookup: (host, callback) => callback(null, host),
  }
}
