import { deletedFor, tombstoneOf } from './deleted.js'
import type { MessageDocument } from './model.js'
import type { MessageView } from './schema.js'

/** What one person sees of a message; a deleted one, for all or for them, keeps its place and nothing else. */
export const viewMessage = (message: MessageDocument, viewerId: string): MessageView => {
  const deletedAt = deletedFor(message, viewerId)
  return viewForAll(deletedAt && !message.deletedAt ? tombstoneOf(message, deletedAt) : message)
}

/** What all who read a conversation are told of a message; who has deleted it for themselves keeps it deleted. */
export const viewForAll = (message: MessageDocument): MessageView => ({
  id: message._id.toHexString(),
  conversationId: message.conversationId.toHexString(),
  seq: message.seq,
  senderId: message.senderId.toHexString(),
  clientId: message.clientId,
  type: message.type,
  text: message.text,
  system: message.system ? { ...message.system, userIds: [...message.system.userIds] } : null,
  version: message.version,
  createdAt: message.createdAt.toISOString(),
  editedAt: message.editedAt?.toISOString() ?? null,
  deletedAt: message.deletedAt?.toISOString() ?? null,
})
