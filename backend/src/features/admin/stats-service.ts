import type { mongo } from 'mongoose'
import type { Hub } from '../../realtime/hub.js'
import type { OutboxSource } from '../../realtime/outbox.js'
import { countPending } from '../../realtime/pending.js'
import type { Admission } from '../admission/index.js'
import type { Stats } from './schema.js'

interface Dependencies {
  readonly collection: (name: string) => mongo.Collection
  readonly sources: readonly OutboxSource[]
  readonly hub: Pick<Hub, 'streamCount' | 'slowDisconnects'>
  readonly admission: Pick<Admission, 'state'>
  readonly worker: string
}

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
      outboxPending: await countPending(this.#deps.sources),
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
}
