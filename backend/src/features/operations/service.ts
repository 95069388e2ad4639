import type { Mongo } from '../../platform/mongo.js'
import type { RedisConnections } from '../../platform/redis-connections.js'
import type { Storage } from '../../platform/storage/storage.js'
import type { Hub } from '../../realtime/hub.js'
import type { Health, Readiness } from './schema.js'

interface Dependencies {
  readonly mongo: Mongo
  readonly redis: RedisConnections | undefined
  readonly storage: Storage
  readonly hub: Hub
  readonly version: string
  readonly worker: string
}

type Check = Health['checks']['database']

const check = async (ping: () => Promise<number>): Promise<Check> => {
  try {
    return { status: 'healthy', responseTime: Math.round((await ping()) * 100) / 100 }
  } catch {
    return { status: 'unhealthy', responseTime: null }
  }
}

const absent = { status: 'absent', responseTime: null } as const

/** How long it took, in milliseconds. */
const timed = async (work: () => Promise<void>): Promise<number> => {
  const before = performance.now()
  await work()
  return performance.now() - before
}

export class OperationsService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Without MongoDB nothing works: unhealthy. Without Redis messages are stored and events wait, without the storage there are no files: degraded. */
  async health(): Promise<Health> {
    const { mongo, redis, storage, version, worker } = this.#deps
    const [database, bus, files] = await Promise.all([
      check(() => mongo.ping()),
      redis ? check(() => redis.ping()) : absent,
      check(() => timed(() => storage.check())),
    ])
    const others = [bus, files].some(({ status }) => status === 'unhealthy') ? 'degraded' : 'healthy'
    const status = database.status === 'healthy' ? others : 'unhealthy'
    const checks = { database, redis: bus, storage: files }
    return { status, timestamp: new Date().toISOString(), uptime: process.uptime(), version, worker, checks }
  }

  readiness(): Readiness['status'] {
    if (this.#deps.hub.draining) return 'draining'
    if (this.#deps.mongo.ready) return 'ready'
    return this.#deps.mongo.reached ? 'no-database' : 'starting'
  }
}
