import { z } from 'zod'
import { certificateFile, redisAddresses, redisUrl } from '../../platform/redis-address.js'
import { mostShards } from '../../platform/shards.js'
import { duration, integer } from '../values.js'
import { type Variable, variable } from '../variable.js'

export const redisVariables = {
  REDIS_URL: variable(
    'Redis',
    'Needed, or REDIS_SENTINELS or REDIS_CLUSTER, as soon as there is more than one worker; rediss:// for TLS',
    'redis://127.0.0.1:6379',
    redisUrl.optional(),
    { secret: true },
  ),
  REDIS_USERNAME: variable('Redis', 'The ACL user, where it is not in the URL', '', z.string().optional()),
  REDIS_PASSWORD: variable('Redis', 'Where it is not in the URL', '', z.string().optional(), { secret: true }),
  REDIS_CA_FILE: variable(
    'Redis',
    'PEM file of the CA to trust in place of the well-known ones; with REDIS_SENTINELS or REDIS_CLUSTER it turns TLS on',
    '',
    certificateFile.optional(),
  ),
  REDIS_SENTINELS: variable(
    'Redis',
    'In place of REDIS_URL: host:port of every Sentinel, separated by commas',
    '',
    redisAddresses.optional(),
  ),
  REDIS_SENTINEL_NAME: variable('Redis', 'What the Sentinels call the master', 'mymaster', z.string().default('mymaster')),
  REDIS_SENTINEL_PASSWORD: variable('Redis', 'The password of the Sentinels themselves', '', z.string().optional(), { secret: true }),
  REDIS_CLUSTER: variable(
    'Redis',
    'In place of REDIS_URL: host:port of some servers of a Redis Cluster, separated by commas; set REDIS_SHARDS too',
    '',
    redisAddresses.optional(),
  ),
  REDIS_SHARDS: variable(
    'Redis',
    'Over how many parts the events are spread, for a Redis Cluster: the same for all workers; changing it sends every client to fetch all',
    '1',
    integer(1, mostShards).default(1),
  ),
  EVENT_LOG_ENTRIES: variable('Redis', 'Events kept per conversation and per person', '1000', integer(10, 100_000).default(1000)),
  EVENT_LOG_TTL: variable('Redis', 'How long they are kept: who was away longer fetches all', '1h', duration.default(3600)),
} satisfies Record<string, Variable>
