import { randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { becomesTrue } from '../../../dev/services/deadline.js'
import { limitNames } from '../../src/http/limits-table.js'
import type { Database } from './services/database.js'
import { PlainWorkers } from './services/plain-workers.js'
import { Pm2Workers } from './services/pm2-workers.js'
import type { RedisTopology } from './services/redis.js'
import { SentinelRedis } from './services/sentinel-redis.js'
import { SingleRedis } from './services/single-redis.js'
import type { Workers } from './services/workers.js'

export interface WorldKind {
  readonly redis: RedisTopology['kind']
  readonly workers: Workers['kind']
  readonly workerCount: number
  /** Shards of the event log. */
  readonly shards: number
  /** Events that the log keeps of a channel: few, and clients that come back have gaps. */
  readonly logEntries: number
}

const databaseDeadlineSeconds = 30

/** The product and all that it stands on, each of which can be broken. */
export class World {
  readonly kind: WorldKind
  readonly database: Database
  readonly redis: RedisTopology
  readonly workers: Workers

  private constructor(kind: WorldKind, database: Database, redis: RedisTopology, workers: Workers) {
    this.kind = kind
    this.database = database
    this.redis = redis
    this.workers = workers
  }

  /** Starts Redis and the workers over a database that outlives them. */
  static async start(
    kind: WorldKind,
    database: Database,
    place: { folder: string; logFolder: string; distFolder: string },
  ): Promise<World> {
    const folder = mkdtempSync(join(place.folder, 'world-'))
    const redis = await (kind.redis === 'single' ? SingleRedis : SentinelRedis).start(folder, kind.workerCount)
    const settings = {
      NODE_ENV: 'test',
      LOG_LEVEL: 'info',
      MONGO_URI: database.url,
      JWT_SECRET: randomBytes(48).toString('base64url'),
      ACCESS_TOKEN_TTL: '12h',
      REDIS_SHARDS: String(kind.shards),
      EVENT_LOG_ENTRIES: String(kind.logEntries),
      ...Object.fromEntries(limitNames.map((name) => [`LIMIT_${name.toUpperCase()}`, '1000000/s'])),
    }
    const environmentFor = (worker: number) => ({
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ...settings,
      ...redis.environmentFor(worker),
    })
    const setting = { count: kind.workerCount, distFolder: place.distFolder, folder, logFolder: place.logFolder, environmentFor }
    try {
      const workers = await (kind.workers === 'plain' ? PlainWorkers : Pm2Workers).start(setting)
      return new World(kind, database, redis, workers)
    } catch (error) {
      await redis.stop()
      throw error
    }
  }

  /** Resolves when everything that was broken works again. @throws where it does not in time */
  async healed(): Promise<void> {
    await this.redis.healed()
    await this.databaseHealed()
  }

  /** Resolves when the database answers, and the workers have found it. @throws where that takes too long */
  async databaseHealed(): Promise<void> {
    const answers = () =>
      this.database
        .collection('meta')
        .findOne({})
        .then(
          () => true,
          () => false,
        )
    if (!(await becomesTrue(databaseDeadlineSeconds, answers, 50))) throw new Error('The database did not come back')
    await this.workers.ready()
  }

  async stop(): Promise<void> {
    await this.workers.stop()
    await this.redis.stop()
  }
}
