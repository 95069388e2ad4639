import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { mongo, Types } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { Logger } from '../../platform/logger.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import type { Activity, Watermarks } from '../conversations/index.js'
import { ReceiptLane } from './lane.js'
import type { ReceiptDocument } from './model.js'
import { type Rise, raise } from './raise.js'
import type { ReceiptTeller } from './teller.js'

interface Dependencies {
  readonly collection: () => mongo.Collection<ReceiptDocument>
  readonly teller: ReceiptTeller
  readonly activity: Activity
  /** This worker's name in outboxes. */
  readonly worker: string
  readonly logger: Logger
}

/** A message that was stored. */
export interface Sent {
  readonly conversationId: Types.ObjectId
  readonly senderId: Types.ObjectId
  readonly seq: number
  readonly deletedAt?: Date
}

const deadlineMs = 10_000
const mostRemembered = 100_000
const retryMs = 1000
/** The next message of the same sender mends what is given up. */
const mostAttempts = 10

const keyOf = (conversationId: string, userId: string) => `${conversationId}:${userId}`

/** Raises watermarks, and sees to it that the conversation hears of it. What raises nothing, as far as this worker knows, is not written. */
export class ReceiptWriter {
  readonly #deps: Dependencies
  readonly #lane = new ReceiptLane((rises) => this.#store(rises))
  /** What a majority has acknowledged. */
  readonly #stored = new LRUCache<string, Watermarks>({ max: mostRemembered })
  /** Each one's newest message at this worker. */
  readonly #sent = new LRUCache<string, number>({ max: mostRemembered })
  readonly #settling = new AbortController()
  constructor(deps: Dependencies) {
    this.#deps = deps
    setMaxListeners(0, this.#settling.signal) // one for each that waits for a database that is away
  }

  /** Resolves when it is stored. @throws Problem service_unavailable where too many wait; where the database does not promise it in time */
  async raise(rise: Rise): Promise<void> {
    const stored = this.#stored.get(keyOf(rise.conversationId, rise.userId))
    if (stored && stored.deliveredSeq >= rise.deliveredSeq && stored.readSeq >= rise.readSeq) return
    await this.#lane.raise(rise)
  }

  /** Who sends a message has read what is before it. In the background; safe to say again. */
  sent(messages: readonly Sent[]): void {
    for (const { conversationId, senderId, seq, deletedAt } of messages) {
      if (deletedAt) continue // a tombstone is told of long after it was sent, of people who are gone too
      const rise = {
        conversationId: conversationId.toHexString(),
        userId: senderId.toHexString(),
        deliveredSeq: seq,
        readSeq: seq,
        tell: false,
      }
      const key = keyOf(rise.conversationId, rise.userId)
      this.#sent.set(key, Math.max(seq, this.#sent.get(key) ?? 0))
      void this.#raiseAtLast(rise)
    }
  }

  /** The seq of a member's newest message, as far as this worker knows: what is read in any case, stored yet or not. */
  lastSent(conversationId: string, userId: string): number {
    return this.#sent.get(keyOf(conversationId, userId)) ?? 0
  }

  /** Resolves when all is stored, or was refused. */
  async settled(): Promise<void> {
    this.#settling.abort()
    await this.#lane.settled()
  }

  async #raiseAtLast(rise: Rise): Promise<void> {
    for (let attempt = 1; attempt <= mostAttempts && !this.#settling.signal.aborted; attempt++) {
      try {
        await this.raise(rise)
        return
      } catch (error) {
        this.#deps.logger.warn({ err: error }, 'that a message’s sender has read it was not stored')
        await sleep(retryMs, undefined, { signal: this.#settling.signal }).catch(() => undefined)
      }
    }
  }

  async #store(rises: readonly Rise[]): Promise<void> {
    const { collection, worker, teller, activity } = this.#deps
    const now = new Date()
    await raise(collection(), rises, { entry: () => outboxEntry(worker, 'receipt.updated', now), deadlineMs })
    for (const { conversationId, userId, deliveredSeq, readSeq } of rises) {
      const key = keyOf(conversationId, userId)
      const known = this.#stored.get(key)
      this.#stored.set(key, {
        deliveredSeq: Math.max(deliveredSeq, known?.deliveredSeq ?? 0),
        readSeq: Math.max(readSeq, known?.readSeq ?? 0),
      })
    }
    const told = rises.filter(({ tell }) => tell)
    for (const { conversationId } of told) activity.note({ conversationId: toObjectId(conversationId) })
    teller.note(told) // the sweeper tells if this worker dies first
  }
}
