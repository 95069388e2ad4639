import { LRUCache } from 'lru-cache'
import type { mongo, Types } from 'mongoose'
import type { Logger } from '../../platform/logger.js'
import type { Hub } from '../../realtime/hub.js'

interface Revocable {
  readonly _id: Types.ObjectId
  readonly revokedAt?: Date
}

interface Dependencies {
  /** The collections of what access tokens name and may be revoked: sessions, and machines' API keys. */
  readonly collections: readonly (() => mongo.Collection<Revocable>)[]
  readonly hub: Pick<Hub, 'ready' | 'hearing' | 'on'>
  readonly accessTtlSeconds: number
  readonly logger: Logger
}

const lookEveryMs = 1000
/** The clocks of workers may differ by so much. */
const clockMarginMs = 60_000
const mostRemembered = 100_000

/**
 * The sessions, and API keys, that were revoked while an access token of theirs may still be good. Asked at every request, so it is kept in memory:
 * heard from the hub, and read from the database by a worker that starts, or that heard nothing for a while.
 */
export class RevokedSessions {
  /** How long an access token may outlive its session. */
  readonly rememberedMs: number
  readonly #deps: Dependencies
  readonly #ids: LRUCache<string, true>
  /** What the hub heard when the database was read last; see `Hub.hearing`. */
  #read: number | undefined
  #readAt = 0
  #looking: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.rememberedMs = deps.accessTtlSeconds * 1000 + clockMarginMs
    this.#ids = new LRUCache({ max: mostRemembered, ttl: this.rememberedMs })
    deps.hub.on('revoked', (sessionId) => this.note(sessionId))
  }

  has(sessionId: string): boolean {
    return this.#ids.has(sessionId)
  }

  note(sessionId: string): void {
    this.#ids.set(sessionId, true)
  }

  /** Reads what was revoked lately, and from then on listens. @throws where the database is away */
  async start(): Promise<void> {
    await this.#catchUp()
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  #look(): void {
    const { hearing } = this.#deps.hub
    if (hearing !== undefined && hearing === this.#read) return
    this.#looking ??= this.#catchUp()
      .catch((error: unknown) => this.#deps.logger.warn({ err: error }, 'revoked sessions were not read'))
      .finally(() => {
        this.#looking = undefined
      })
  }

  /** Listens first, then reads: nothing falls between. While Redis is away the database alone is asked, every second. */
  async #catchUp(): Promise<void> {
    const { hub, collections } = this.#deps
    await hub.ready().catch(() => undefined)
    const { hearing } = hub
    const now = Date.now()
    const since = new Date(Math.max(now - this.rememberedMs, this.#readAt - clockMarginMs))
    for (const collection of collections) {
      const recent = collection()
        .find({ revokedAt: { $gt: since } }, { projection: { _id: 1 }, readPreference: 'primary' })
        .sort({ revokedAt: -1 })
        .limit(mostRemembered)
      for await (const { _id } of recent) this.note(_id.toHexString())
    }
    this.#read = hearing
    this.#readAt = now
  }
}
