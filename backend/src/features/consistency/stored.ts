import type { mongo, Types } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { WithOutbox } from '../../realtime/outbox-entry.js'
import type { ConversationDocument } from '../conversations/index.js'
import { type Heads, type MessageDocument, seqIndex } from '../messages/index.js'
import type { ReceiptDocument } from '../receipts/index.js'
import type { UserDocument } from '../users/index.js'
import type { Collection } from './difference.js'
import type { Marks } from './of-receipts.js'
import type { Deadline } from './until.js'

interface Dependencies {
  readonly collection: <D extends object>(name: string) => mongo.Collection<D>
  readonly heads: Pick<Heads, 'read'>
}

const marks = { _id: 0, userId: 1, deliveredSeq: 1, readSeq: 1 } as const
const batchSize = 1000

/** What is read of a conversation: always from the primary. */
export class Stored {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  conversations(): mongo.Collection<ConversationDocument> {
    return this.#deps.collection('conversations')
  }

  messages(): mongo.Collection<MessageDocument> {
    return this.#deps.collection('messages')
  }

  receipts(): mongo.Collection<ReceiptDocument> {
    return this.#deps.collection('receipts')
  }

  /** Whatever it is, by what it has to tell. */
  untold(name: Collection): mongo.Collection<WithOutbox> {
    return this.#deps.collection(name)
  }

  /** With who has left it. */
  conversation(_id: Types.ObjectId, deadline: Deadline): Promise<ConversationDocument | null> {
    return this.conversations().findOne({ _id }, { readPreference: 'primary', maxTimeMS: deadline.leftMs() })
  }

  /** The seq of its newest message, as a majority has it. */
  head(id: Types.ObjectId): Promise<number> {
    return this.#deps.heads.read(id.toHexString())
  }

  /** The time of its newest message. */
  async newestAt(conversationId: Types.ObjectId): Promise<Date | undefined> {
    const options = { sort: { seq: -1 }, hint: seqIndex, projection: { createdAt: 1 }, readPreference: 'primary' } as const
    return (await this.messages().findOne({ conversationId }, options))?.createdAt
  }

  /** The ids of all conversations, in their order. */
  async *conversationIds(): AsyncGenerator<Types.ObjectId> {
    let last: Types.ObjectId | undefined
    for (;;) {
      const found = await this.conversations()
        .find(last ? { _id: { $gt: last } } : {}, { projection: { _id: 1 }, sort: { _id: 1 }, limit: batchSize, readPreference: 'primary' })
        .toArray()
      for (const { _id } of found) yield _id
      last = found.at(-1)?._id
      if (found.length < batchSize) return
    }
  }

  /** Everybody's, a batch at a time. */
  async *allMarks(conversationId: Types.ObjectId, deadline: Deadline): AsyncGenerator<Marks> {
    const options = { projection: marks, batchSize, readPreference: 'primary', maxTimeMS: deadline.leftMs() } as const
    for await (const each of this.receipts().find<Marks>({ conversationId }, options)) yield each
  }

  marksOf(conversationId: Types.ObjectId, userIds: readonly string[], deadline: Deadline): Promise<Marks[]> {
    if (userIds.length === 0) return Promise.resolve([])
    const options = { projection: marks, readPreference: 'primary', maxTimeMS: deadline.leftMs() } as const
    return this.receipts()
      .find<Marks>({ conversationId, userId: { $in: userIds.map(toObjectId) } }, options)
      .toArray()
  }

  /** Who of these has deleted their account: of them no receipts are kept. */
  async goneAmong(userIds: readonly string[], deadline: Deadline): Promise<ReadonlySet<string>> {
    if (userIds.length === 0) return new Set()
    const options = { projection: { _id: 1 }, readPreference: 'primary', maxTimeMS: deadline.leftMs() } as const
    const gone = { _id: { $in: userIds.map(toObjectId) }, deletedAt: { $exists: true } }
    const found = await this.#deps.collection<UserDocument>('users').find(gone, options).toArray()
    return new Set(found.map(({ _id }) => _id.toHexString()))
  }
}
