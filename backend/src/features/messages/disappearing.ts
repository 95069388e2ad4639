import type { Model } from 'mongoose'
import { isWriteConflict } from '../../platform/write-conflict.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import type { Place } from '../conversations/index.js'
import { detaching } from './attachments.js'
import { storeDeletion } from './changes.js'
import { disappearsIndex, type MessageDocument } from './model.js'

interface Dependencies {
  readonly messages: Model<MessageDocument>
  readonly outbox: Pick<Outbox, 'publish'>
  readonly source: OutboxSource
  /** This worker's name in outboxes. */
  readonly worker: string
}

type Found = Pick<MessageDocument, '_id' | 'conversationId' | 'attachments'>

/** Writes on their way to the database. */
const atOnce = 8

/** What a message that is sent now takes from its conversation's settings. */
export const disappearing = ({ disappearAfterSeconds }: Place, now: Date): Pick<MessageDocument, 'disappearsAt'> =>
  disappearAfterSeconds === undefined ? {} : { disappearsAt: new Date(now.getTime() + disappearAfterSeconds * 1000) }

/** Messages whose time is over. */
export class DueMessages {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Makes tombstones of those longest due, as if their senders had deleted them. Each is one write, so what a worker that dies leaves is found again.
   * @returns how many were found
   */
  async bury(most: number): Promise<number> {
    const { outbox, source } = this.#deps
    const due = await this.#find(most)
    for (let from = 0; from < due.length; from += atOnce) {
      const stored = await Promise.all(due.slice(from, from + atOnce).map((message) => this.#bury(message)))
      outbox.publish(
        source,
        stored.filter((message) => message !== null),
      ) // the sweeper publishes it if this worker dies first
    }
    return due.length
  }

  #find(most: number): Promise<Found[]> {
    return this.#deps.messages
      .find({ disappearsAt: { $lte: new Date() } }, { conversationId: 1, attachments: 1 })
      .sort({ disappearsAt: 1 })
      .hint(disappearsIndex)
      .limit(most)
      .read('primary')
      .lean()
      .exec()
  }

  /** @returns null where it is a tombstone already, or something else changes it at this moment: then it is found again */
  async #bury(message: Found): Promise<MessageDocument | null> {
    const { messages, worker } = this.#deps
    try {
      return await storeDeletion(messages, message, undefined, outboxEntry(worker, 'message.deleted', new Date(), detaching(message)))
    } catch (error) {
      if (isWriteConflict(error)) return null
      throw error
    }
  }
}
