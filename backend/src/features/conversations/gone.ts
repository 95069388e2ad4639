import type { Model } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import type { ConversationDocument } from './model.js'

interface Dependencies {
  readonly conversations: Model<ConversationDocument>
  readonly outbox: Outbox
  readonly source: OutboxSource
}

/** Tells that people are not in a conversation any more, before that is answered: a worker that is cut off from Redis does not answer that they hear no more. */
export class Gone {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @throws Problem service_unavailable where it could not be told: it is done, and told later; asked again, any worker tells it first */
  async tell(conversation: ConversationDocument): Promise<void> {
    const { outbox, source } = this.#deps
    if (await outbox.publishAndWait(source, conversation)) return
    throw new Problem('service_unavailable', 'It is done, but not everyone could be told yet; ask again')
  }

  /** Does something; where that finds somebody to be no member, what is still to be told of their going is told first. @throws what it throws, or as `tell` */
  async toldFirst<T>(conversationId: string, userId: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof Problem && error.code === 'not_found') await this.#tellAgain(conversationId, userId)
      throw error
    }
  }

  async #tellAgain(conversationId: string, userId: string): Promise<void> {
    const conversation = await this.#deps.conversations
      .findOne({ _id: toObjectId(conversationId), 'left.userId': toObjectId(userId), outbox: { $exists: true } })
      .read('primary')
      .lean()
    if (conversation) await this.tell(conversation)
  }
}
