import { setTimeout as sleep } from 'node:timers/promises'
import type { EventLog, Standing } from '../../realtime/log/log.js'
import type { EntryId } from '../../realtime/log/position.js'

/** Where newcomers begin. */
export interface Arrival {
  /** In the conversation's log: what is told after it has a seq above `head`, unless the log is behind. undefined while Redis is away. */
  readonly since: EntryId | undefined
  /** The seq of its newest message. */
  readonly head: number
}

interface Dependencies {
  readonly log: Pick<EventLog, 'standing'>
  /** The seq of a conversation's newest message, as a majority of the database has it. */
  readonly headOf: (conversationId: string) => Promise<number>
  /** How long a log that is behind the database is waited for. */
  readonly patienceMs?: number
}

const defaultPatienceMs = 1000
/** Where the log knows no seq nothing was said for long, or the first message is being told just now. */
const mostUnknownMs = 100
const lookEveryMs = 10

/** Where those begin who come into a conversation now. */
export class Arrivals {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * A seq and a place in the log that belong together: what was said up to the one is told up to the other. So newcomers are told all that comes after,
   * and nothing that was said before they came. A log that stays behind tells them of late messages, which say no more than that there is something to fetch.
   */
  async at(conversationId: string): Promise<Arrival> {
    const head = await this.#deps.headOf(conversationId)
    const standing = await this.#caughtUp(conversationId, head).catch(() => undefined)
    return { since: standing?.id, head: Math.max(head, standing?.seq ?? 0) }
  }

  async #caughtUp(conversationId: string, head: number): Promise<Standing> {
    const { log, patienceMs = defaultPatienceMs } = this.#deps
    const askedAt = performance.now()
    for (;;) {
      const standing = await log.standing(`conversation:${conversationId}`)
      const most = standing.seq === undefined ? Math.min(patienceMs, mostUnknownMs) : patienceMs
      if ((standing.seq ?? 0) >= head || performance.now() - askedAt >= most) return standing
      await sleep(lookEveryMs)
    }
  }
}
