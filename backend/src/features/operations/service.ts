import type { Mongo } from '../../platform/mongo.js'
import type { RedisConnections } from '../../platform/redis-connections.js'
import type { Hub } from '../../realtime/hub.js'
import type { Health, Readiness } from './schema.js'

interface Dependencies {
  readonly mongo: Mongo
  readonly redis: RedisConnections | undefined
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

export class OperationsService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Without MongoDB nothing works: unhealthy. Without Redis messages are stored and events wait: degraded. */
  async health(): Promise<Health> {
    const { mongo, redis, version, worker } = this.#deps
    const [database, bus] = await Promise.all([
      check(() => mongo.ping()),
      redis ? check(() => redis.ping()) : { status: 'absent' as const, responseTime: null },
    ])
    const status = database.status !== 'healthy' ? 'unhealthy' : bus.status === 'unhealthy' ? 'degraded' : 'healthy'
    return { status, timestamp: new Date().toISOString(), uptime: process.uptime(), version, worker, checks: { database, redis: bus } }
  }

  readiness(): Readiness['status'] {
    if (this.#deps.hub.draining) return 'draining'
    if (this.#deps.mongo.ready) return 'ready'
    return this.#deps.mongo.reached ? 'no-database' : 'starting'
  }
}
