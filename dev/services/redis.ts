import { redisFromDebian } from './redis/debian.js'
import { givenRedisUrl } from './redis/given-url.js'
import { installedRedis } from './redis/installed.js'
import { obtain, type Running, type Setting, type Way } from './service.js'

/** The ways to a Redis, best first. */
const redisWays: readonly Way[] = [givenRedisUrl, installedRedis, redisFromDebian]

/**
 * Finds or starts a Redis.
 * @throws NoWayError where there is none to be had
 */
export const obtainRedis = (setting: Setting): Promise<Running> => obtain('Redis', redisWays, setting)
