import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { ControlMessage } from '../../realtime/hub.js'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import type { ConversationDocument } from './model.js'
import { viewConversation } from './view.js'

/** What people are told of the conversations that they are in: each on their own channel, as they see it. */
export const conversationSource = (collection: () => mongo.Collection<ConversationDocument>): OutboxSource =>
  outboxSource<ConversationDocument>({
    collection,

    tell(conversation, { eventId, at }): Entry[] {
      const conversationId = conversation._id.toHexString()
      return conversation.members.map(({ userId }) => {
        const id = userId.toHexString()
        const frame = encodeEvent({
          type: 'conversation.created',
          conversationId,
          at: at.toISOString(),
          conversation: viewConversation(conversation, id),
        })
        const control: ControlMessage = { joined: { conversationId, userIds: [id] } }
        return { channel: `user:${id}`, eventId: `${eventId}:${id}`, frame, control }
      })
    },

    baseOf: () => Promise.resolve(0), // these events have no seq
  })
