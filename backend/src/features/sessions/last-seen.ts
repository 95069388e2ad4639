import { type Model, Types } from 'mongoose'
import type { Logger } from '../../platform/logger.js'
import type { SessionDocument } from './model.js'

interface Dependencies {
  readonly sessions: Model<SessionDocument>
  readonly logger: Logger
  /** False while there is no database. */
  readonly ready: () => boolean
  readonly everyMs?: number
}

const defaultEveryMs = 60_000
const mostAtOnce = 1000
const mostNoted = 100_000

/** Notes which sessions are in use, and writes it down once a minute: a request waits for none of it. */
export class LastSeen {
  readonly #deps: Dependencies
  readonly #noted = new Set<string>()
  readonly #timer: NodeJS.Timeout
  #writing: Promise<void> | undefined
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#timer = setInterval(() => void this.#flush(), deps.everyMs ?? defaultEveryMs).unref()
  }

  note(sessionId: string): void {
    if (this.#noted.size < mostNoted) this.#noted.add(sessionId)
  }

  /** Writes down what was noted, and notes nothing more by itself. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#writing
    await this.#flush()
  }

  #flush(): Promise<void> {
    return (this.#writing ??= this.#write()
      .catch((error: unknown) => this.#deps.logger.warn({ err: error }, 'when sessions were seen was not written'))
      .finally(() => {
        this.#writing = undefined
      }))
  }

  async #write(): Promise<void> {
    if (!this.#deps.ready()) return
    const now = new Date()
    const ids = [...this.#noted].map((id) => Types.ObjectId.createFromHexString(id))
    this.#noted.clear()
    for (let from = 0; from < ids.length; from += mostAtOnce) {
      await this.#deps.sessions.updateMany({ _id: { $in: ids.slice(from, from + mostAtOnce) } }, { $max: { lastSeenAt: now } })
    }
  }
}
