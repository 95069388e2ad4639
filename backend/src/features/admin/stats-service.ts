import type { mongo } from 'mongoose'
import type { Hub } from '../../realtime/hub.js'
import type { OutboxSource } from '../../realtime/outbox.js'
import type { Admission } from '../admission/index.js'
import type { Stats } from './schema.js'

interface Dependencies {
  readonly collection: (name: string) => mongo.Collection
  readonly sources: readonly OutboxSource[]
  readonly hub: Pick<Hub, 'streamCount' | 'slowDisconnects'>
  readonly admission: Pick<Admission, 'state'>
  readonly worker: string
}

const mostPending = 10_000
const countDeadlineMs = 5000

/** Numbers that cost little: estimates of collections, bounded counts, what this worker knows. */
export class StatsService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  async read(): Promise<Stats> {
    const { hub, admission, worker } = this.#deps
    const names = ['users', 'sessions', 'conversations', 'messages'] as const
    const [users = 0, sessions = 0, conversations = 0, messages = 0] = await Promise.all(names.map((name) => this.#estimated(name)))
    return {
      users,
      sessions,
      conversations,
      messages,
      outboxPending: await this.#pending(),
      lockdownAt: admission.state.lockdownAt?.toISOString() ?? null,
      sessionsValidFrom: admission.state.sessionsValidFrom?.toISOString() ?? null,
      worker: {
        number: worker,
        streams: hub.streamCount,
        slowDisconnects: hub.slowDisconnects,
        uptimeSeconds: Math.floor(process.uptime()),
      },
    }
  }

  #estimated(name: string): Promise<number> {
    return this.#deps.collection(name).estimatedDocumentCount({ maxTimeMS: countDeadlineMs })
  }

  /** Documents with something to tell, or told less than 45 s ago; of each kind at most 10,000 are counted. */
  async #pending(): Promise<number> {
    const counts = await Promise.all(
      this.#deps.sources.map((source) =>
        source.collection().countDocuments({ 'outbox.worker': { $exists: true } }, { limit: mostPending, maxTimeMS: countDeadlineMs }),
      ),
    )
    return counts.reduce((sum, count) => sum + count, 0)
  }
}
