import type { Types } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { OutboxEntry } from '../../realtime/outbox-entry.js'
import type { ConversationDocument } from './model.js'
import { userIdsOf } from './told-data.js'

/** What a conversation's own messages say: who came, who went, what it is called now. */
export interface SystemEvent {
  readonly event: 'member.added' | 'member.removed' | 'member.left' | 'conversation.renamed'
  /** Whom it is about; nobody where it was renamed. */
  readonly userIds: readonly string[]
  /** The new name. */
  readonly name?: string
}

export interface SystemMessage {
  readonly conversationId: Types.ObjectId
  /** Who did it. */
  readonly senderId: Types.ObjectId
  /** The event's own id: written again it is the same message. */
  readonly clientId: string
  readonly at: Date
  readonly system: SystemEvent
}

/** The message by which a conversation keeps a change; undefined for what leaves no trace in it. */
export const systemMessageOf = (conversation: ConversationDocument, entry: OutboxEntry): SystemMessage | undefined => {
  const by = entry.data?.['by']
  const system = systemEventOf(entry)
  if (by === undefined || !system || conversation.deletedAt) return undefined
  return { conversationId: conversation._id, senderId: toObjectId(by), clientId: entry.eventId, at: entry.at, system }
}

const systemEventOf = (entry: OutboxEntry): SystemEvent | undefined => {
  const { type, data } = entry
  const userIds = userIdsOf(entry) ?? []
  const name = data?.['name']
  if (type === 'member.added') return { event: type, userIds }
  if (type === 'member.removed') return { event: userIds[0] === data?.['by'] ? 'member.left' : type, userIds }
  return type === 'conversation.updated' && name !== undefined ? { event: 'conversation.renamed', userIds: [], name } : undefined
}
