import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import type { MessageDocument } from './model.js'
import { viewMessage } from './view.js'

/** What a conversation's members are told of its messages. */
export const messageSource = (collection: () => mongo.Collection<MessageDocument>): OutboxSource =>
  outboxSource<MessageDocument>({
    collection,

    tell(message, { eventId }): Entry[] {
      const view = viewMessage(message)
      const { conversationId, createdAt, seq, id } = view
      const frame = encodeEvent({ type: 'message.created', conversationId, at: createdAt, message: view })
      return [{ channel: `conversation:${conversationId}`, eventId, frame, seq, messageId: id }]
    },

    async baseOf({ conversationId, seq }): Promise<number> {
      const lowest = await collection().findOne(
        { conversationId, outbox: { $exists: true } },
        { sort: { seq: 1 }, projection: { seq: 1 }, readConcern: { level: 'majority' }, readPreference: 'primary' },
      )
      return Math.min(lowest?.seq ?? seq, seq) - 1
    },
  })
