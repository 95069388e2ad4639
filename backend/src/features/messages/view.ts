import type { MessageDocument } from './model.js'
import type { MessageView } from './schema.js'

/** What a client sees of a message; a deleted one keeps its place and nothing else. */
export const viewMessage = (message: MessageDocument): MessageView => ({
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
