import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection, Types } from 'mongoose'
import type { Logger } from '../../platform/logger.js'
import { Pump } from '../../platform/pump.js'
import type { ConversationDocument } from './model.js'

/** What is known of a conversation's messages: that there is one with this seq, and when the newest was sent; or only that something changed. */
export interface Latest {
  readonly conversationId: Types.ObjectId
  readonly seq?: number
  readonly at?: Date
}

const mostInOneWrite = 100
const mostWaiting = 100_000
const retryMs = 1000

/**
 * Keeps what conversations derive from their messages: lastSeq and lastMessageAt, by $max, so that no order of writes can take them back.
 * One write at a time; what comes meanwhile is joined by conversation, so load makes the writes fewer, not more.
 */
export class Activity {
  readonly #connection: Connection
  readonly #logger: Logger
  readonly #ready: () => boolean
  readonly #waiting = new Map<string, Latest>()
  readonly #pump = new Pump(
    () => this.#waiting.size > 0,
    () => this.#turn(),
  )
  #settling = false
  /** @param deps ready: false while it is not known whether the database is still the one that this was noted of */
  constructor(deps: { connection: Connection; logger: Logger; ready: () => boolean }) {
    this.#connection = deps.connection
    this.#logger = deps.logger
    this.#ready = deps.ready
  }

  note(latest: Latest): void {
    const key = latest.conversationId.toHexString()
    const waiting = this.#waiting.get(key)
    if (!waiting && this.#waiting.size >= mostWaiting) return // the next message of that conversation mends it
    this.#waiting.set(key, waiting ? joined(waiting, latest) : latest)
    this.#pump.wake()
  }

  /** Resolves when all that was noted is stored, or was refused. */
  async settled(): Promise<void> {
    this.#settling = true
    await this.#pump.settled()
  }

  async #turn(): Promise<void> {
    const batch = [...this.#waiting].slice(0, mostInOneWrite)
    for (const [key] of batch) this.#waiting.delete(key)
    try {
      if (!this.#ready()) throw new Error('The database is away')
      await this.#connection.collection<ConversationDocument>('conversations').bulkWrite(
        batch.map(([, { conversationId, seq, at }]) => ({
          updateOne: {
            filter: { _id: conversationId },
            update: { ...max({ lastSeq: seq, lastMessageAt: at }), $currentDate: { changedAt: true } },
          },
        })),
        { ordered: false },
      )
    } catch (error) {
      this.#logger.warn({ err: error, conversations: batch.length }, 'lastSeq was not stored')
      if (this.#settling) return // whoever publishes what this worker leaves notes it again
      await sleep(retryMs)
      for (const [, latest] of batch) this.note(latest)
    }
  }
}

const joined = (one: Latest, other: Latest): Latest => {
  const seq = Math.max(one.seq ?? 0, other.seq ?? 0)
  const at = Math.max(one.at?.getTime() ?? 0, other.at?.getTime() ?? 0)
  return { conversationId: one.conversationId, ...(seq > 0 ? { seq } : {}), ...(at > 0 ? { at: new Date(at) } : {}) }
}

const max = (fields: Record<string, unknown>) => {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  return given.length === 0 ? {} : { $max: Object.fromEntries(given) }
}
