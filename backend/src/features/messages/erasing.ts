import type { Model } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import { detaching } from './attachments.js'
import { storeDeletion } from './changes.js'
import type { MessageDocument } from './model.js'
import { whileOthersWrite } from './while-others-write.js'

interface Dependencies {
  readonly messages: Model<MessageDocument>
  readonly outbox: Pick<Outbox, 'publishAndWait'>
  readonly source: OutboxSource
  /** This worker's name in outboxes. */
  readonly worker: string
}

/** All that one person has said. */
export class MessagesOfOne {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Makes tombstones of the next of a person's own messages, newest first, as deleting each for everyone does.
   * @param from where the call before has come to. @returns where this one has; undefined where there are none left
   * @throws where they could not all be told: they are tombstones, and told later
   */
  async eraseNext(senderId: string, from: Date | undefined, most: number): Promise<Date | undefined> {
    const { messages, outbox, source, worker } = this.#deps
    const found = await messages
      .find({ senderId: toObjectId(senderId), type: 'user', deletedAt: { $exists: false }, ...(from && { createdAt: { $lte: from } }) })
      .sort({ createdAt: -1 })
      .hint('sender_created')
      .limit(most)
      .read('primary')
      .lean()
    const erased: MessageDocument[] = []
    for (const message of found) {
      const deletion = () =>
        storeDeletion(messages, message, senderId, outboxEntry(worker, 'message.deleted', new Date(), detaching(message)))
      const tombstone = await whileOthersWrite(async () => (await deletion()) ?? message)
      if (tombstone !== message) erased.push(tombstone) // else somebody else was faster, and tells it
    }
    const told = await Promise.all(erased.map((message) => outbox.publishAndWait(source, message)))
    if (told.includes(false)) throw new Error('Deletions cannot be told yet')
    return found.at(-1)?.createdAt
  }
}
