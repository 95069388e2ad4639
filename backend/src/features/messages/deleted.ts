import type { MessageDocument } from './model.js'

/** Since when a message is deleted as somebody sees it: for all, or for themselves; undefined where it is there. */
export const deletedFor = (
  { deletedAt, hiddenFor = [], hiddenAt = [] }: Pick<MessageDocument, 'deletedAt' | 'hiddenFor' | 'hiddenAt'>,
  viewerId: string,
): Date | undefined => deletedAt ?? hiddenAt[hiddenFor.findIndex((userId) => userId.toHexString() === viewerId)]

/** What is left of a message for who has deleted it for themselves: its place, and nothing that it comes to have. */
export const tombstoneOf = (
  { _id, conversationId, seq, senderId, clientId, contentHash, type, version, createdAt }: MessageDocument,
  deletedAt: Date,
): MessageDocument => ({
  _id,
  conversationId,
  seq,
  senderId,
  clientId,
  contentHash,
  type,
  text: null,
  version,
  createdAt,
  deletedAt,
})
