import type { mongo } from 'mongoose'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import type { ConversationDocument } from './model.js'
import { type SystemMessage, systemMessageOf } from './system-message.js'
import { tellConversation } from './tell-conversation.js'
import { tellMembers } from './tell-members.js'

interface Dependencies {
  readonly collection: () => mongo.Collection<ConversationDocument>
  /** Writes a message of the conversation's own; the same clientId again is the same message. */
  readonly writeMessage: (message: SystemMessage) => Promise<unknown>
}

/** What people are told of the conversations that they are in. */
export const conversationSource = ({ collection, writeMessage }: Dependencies): OutboxSource =>
  outboxSource<ConversationDocument>({
    collection,

    tell: (conversation, entry) => [...tellConversation(conversation, entry), ...tellMembers(conversation, entry)],

    async followUp(conversation, entry): Promise<void> {
      const message = systemMessageOf(conversation, entry)
      if (message) await writeMessage(message)
    },

    baseOf: () => Promise.resolve(0), // these events have no seq
  })
