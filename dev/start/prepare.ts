import { buildBackend } from '../build.js'
import { obtainMongoDb, type RunningMongoDb } from '../services/mongodb.js'
import { obtainRedis } from '../services/redis.js'
import { NoWayError, type Running, type Setting } from '../services/service.js'
import type { Closing } from './closing.js'

interface Prepared {
  readonly mongoDb: RunningMongoDb
  /** Undefined where none is to be had and one process can do without. */
  readonly redis: Running | undefined
}

const redisIfPossible = async (setting: Setting, workers: number): Promise<Running | undefined> => {
  try {
    return await obtainRedis(setting)
  } catch (error) {
    if (!(error instanceof NoWayError)) throw error
    if (workers > 1) throw new Error(`${workers} workers reach each other through Redis. ${error.message}`, { cause: error })
    setting.progress(`${error.message}\nThe API goes on without: one process, events in memory.`)
    return undefined
  }
}

/**
 * Builds the backend, and finds or starts what it needs, all at once.
 * @throws AggregateError of all that went wrong
 */
export const prepare = async (setting: Setting, workers: number, closing: Closing): Promise<Prepared> => {
  const kept = async <R extends Running | undefined>(running: Promise<R>): Promise<R> => {
    const service = await running
    if (service !== undefined) closing.add(() => service.stop())
    return service
  }
  const [built, mongoDb, redis] = await Promise.allSettled([
    buildBackend(),
    kept(obtainMongoDb(setting)),
    kept(redisIfPossible(setting, workers)),
  ])
  if (built.status === 'fulfilled' && mongoDb.status === 'fulfilled' && redis.status === 'fulfilled') {
    return { mongoDb: mongoDb.value, redis: redis.value }
  }
  throw new AggregateError([built, mongoDb, redis].flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : [])))
}
