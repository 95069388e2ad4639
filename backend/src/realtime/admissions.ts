import type { Logger } from '../platform/logger.js'
import type { Channel } from './log/log.js'
import type { Joined } from './membership-changes.js'
import type { EventStream } from './stream.js'

export type IsMember = (userId: string, conversationId: string) => Promise<boolean>

interface Dependencies {
  readonly logger: Logger
  /** False for a stream that has ended. */
  readonly isOpen: (stream: EventStream) => boolean
  /** Brings a stream to now; not to be called of one that has not begun, or waits for Redis. */
  readonly catchUp: (stream: EventStream) => void
}

/**
 * Streams that come into conversations while they are open. A log that was lost may be told once more of somebody's coming, and of their going only
 * after it: so the database is asked first.
 */
export class Admissions {
  readonly #deps: Dependencies
  readonly #pending = new Map<EventStream, Promise<void>>()
  #isMember: IsMember | undefined
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Who is to be asked. */
  ask(isMember: IsMember): void {
    this.#isMember = isMember
  }

  /** Resolves when it is known of all that a stream's user is said to have joined so far. */
  async settled(stream: EventStream): Promise<void> {
    await this.#pending.get(stream)
  }

  /** Asks whether it is so. Meanwhile the stream stands still: no position that it gives may pass what it has still to tell of the conversation. */
  admit(stream: EventStream, joined: Joined): void {
    const since = stream.membershipChanges.joined(joined)
    if (since === undefined || stream.channels.has(channelOf(joined))) return
    const before = this.#pending.get(stream)
    const admission = Promise.all([before, this.#join(stream, { ...joined, since })])
      .catch((error: unknown) => {
        this.#deps.logger.info({ err: error }, 'a stream could not join a conversation')
        stream.cut()
      })
      .then(() => {
        if (this.#pending.get(stream) === admission) this.#pending.delete(stream)
      })
    this.#pending.set(stream, admission)
    // In a turn, so that the event of their coming, which arrives together with this, is told before what was said meanwhile.
    setImmediate(() => this.#deps.catchUp(stream))
  }

  async #join(stream: EventStream, joined: Joined): Promise<void> {
    const { conversationId, version, since } = joined
    if (this.#isMember && !(await this.#isMember(stream.userId, conversationId))) return
    if (!this.#deps.isOpen(stream) || stream.channels.has(channelOf(joined))) return
    if (stream.membershipChanges.isIn(conversationId, version)) stream.channels.set(channelOf(joined), since)
  }
}

const channelOf = ({ conversationId }: Joined): Channel => `conversation:${conversationId}`
