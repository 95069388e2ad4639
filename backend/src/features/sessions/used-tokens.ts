import type { Model, Types } from 'mongoose'
import type { Logger } from '../../platform/logger.js'
import type { SessionDocument } from './model.js'
import { retryMs } from './retries.js'

interface Dependencies {
  readonly sessions: Model<SessionDocument>
  readonly logger: Logger
}

const everyMs = 1000
const mostAtOnce = 1000
const mostWaiting = 100_000

/** Takes the pairs that are kept for a retry out of the database when its time is over. What a worker that died left, the session's next refresh pushes out. */
export class UsedTokens {
  readonly #deps: Dependencies
  /** When the last pair of each session may go, oldest first. */
  readonly #due = new Map<string, { readonly id: Types.ObjectId; readonly at: number }>()
  readonly #timer: NodeJS.Timeout
  #working: Promise<void> | undefined
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#timer = setInterval(() => {
      this.#working ??= this.#forget().finally(() => {
        this.#working = undefined
      })
    }, everyMs).unref()
  }

  /** A session has just got a new pair. */
  note(id: Types.ObjectId): void {
    const key = id.toHexString()
    this.#due.delete(key) // again at the end: the map's order is that of time
    this.#due.set(key, { id, at: Date.now() + retryMs })
    if (this.#due.size > mostWaiting) this.#due.delete(this.#due.keys().next().value ?? key)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#working
  }

  async #forget(): Promise<void> {
    const now = Date.now()
    const ids: Types.ObjectId[] = []
    for (const [key, { id, at }] of this.#due) {
      if (at > now || ids.length === mostAtOnce) break
      this.#due.delete(key)
      ids.push(id)
    }
    if (ids.length === 0) return
    await this.#deps.sessions
      .updateMany({ _id: { $in: ids } }, { $pull: { used: { at: { $lte: new Date(now - retryMs) } } } })
      .catch((error: unknown) => this.#deps.logger.warn({ err: error }, 'used refresh tokens were not forgotten yet'))
  }
}
