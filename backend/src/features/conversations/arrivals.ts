import type { EventLog } from '../../realtime/log/log.js'
import { type EntryId, idIn } from '../../realtime/log/position.js'

/** Where newcomers begin. */
export interface Arrival {
  /** In the conversation's log; undefined while Redis is away. */
  readonly since: EntryId | undefined
  /** The seq of its newest message. */
  readonly head: number
}

interface Dependencies {
  readonly log: Pick<EventLog, 'head' | 'shardOf'>
  /** The seq of a conversation's newest message, as a majority of the database has it. */
  readonly headOf: (conversationId: string) => Promise<number>
}

/** Where those begin who come into a conversation now. */
export class Arrivals {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  async at(conversationId: string): Promise<Arrival> {
    const { log, headOf } = this.#deps
    const position = await log.head().catch(() => undefined)
    const since = position && idIn(position.position, log.shardOf(`conversation:${conversationId}`))
    return { since, head: await headOf(conversationId) } // after the position: what is sent after it is told after that. lastSeq may lag behind
  }
}
