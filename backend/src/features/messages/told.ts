import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import type { Activity } from '../conversations/index.js'
import type { MessageDocument } from './model.js'
import { viewMessage } from './view.js'

interface Dependencies {
  readonly collection: () => mongo.Collection<MessageDocument>
  readonly activity: Activity
}

/** What a conversation's members are told of its messages. */
export const messageSource = ({ collection, activity }: Dependencies): OutboxSource =>
  outboxSource<MessageDocument>({
    collection,

    tell(message, { eventId, at }): Entry[] {
      const view = viewMessage(message)
      const { conversationId, seq, id } = view
      const frame = encodeEvent({ type: 'message.created', conversationId, at: at.toISOString(), message: view })
      return [{ channel: `conversation:${conversationId}`, eventId, at, frame, seq, messageId: id }]
    },

    followUp({ conversationId, seq, createdAt }, { type }): void {
      if (type === 'message.created') activity.note({ conversationId, seq, at: createdAt })
    },

    async baseOf({ conversationId, seq }): Promise<number> {
      const lowest = await collection().findOne(
        { conversationId, outbox: { $exists: true }, 'outbox.type': 'message.created' },
        { sort: { seq: 1 }, projection: { seq: 1 }, readConcern: { level: 'majority' }, readPreference: 'primary' },
      )
      return Math.min(lowest?.seq ?? seq, seq) - 1
    },
  })
