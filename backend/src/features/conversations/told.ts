import type { mongo, Types } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import type { ConversationDocument } from './model.js'
import { type SystemMessage, systemMessageOf } from './system-message.js'
import { tellConversation } from './tell-conversation.js'
import { tellMembers } from './tell-members.js'
import { userIdsOf } from './told-data.js'
import { noWatermarks, type WatermarksOf } from './watermarks.js'

interface Dependencies {
  readonly collection: () => mongo.Collection<ConversationDocument>
  /** How far these people have received and read. */
  readonly watermarks: (conversation: ConversationDocument, userIds: readonly Types.ObjectId[]) => Promise<WatermarksOf>
  /** Writes a message of the conversation's own; the same clientId again is the same message. */
  readonly writeMessage: (message: SystemMessage) => Promise<unknown>
}

/** What people are told of the conversations that they are in. */
export const conversationSource = ({ collection, watermarks, writeMessage }: Dependencies): OutboxSource =>
  outboxSource<ConversationDocument>({
    collection,

    async tell(conversation, entry) {
      const isNew = conversation.version === 1 // nobody has read anything, as far as it must be known
      const watermarksOf = isNew ? noWatermarks : await watermarks(conversation, (userIdsOf(entry) ?? []).map(toObjectId))
      return [...tellConversation(conversation, entry, watermarksOf), ...tellMembers(conversation, entry, watermarksOf)]
    },

    async followUp(conversation, entry): Promise<void> {
      const message = systemMessageOf(conversation, entry)
      if (message) await writeMessage(message)
    },

    baseOf: () => Promise.resolve(0), // these events have no seq
  })
