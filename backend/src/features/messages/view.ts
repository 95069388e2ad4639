import { viewAttachment } from './attachments.js'
import { deletedFor, tombstoneOf } from './deleted.js'
import { viewForward } from './forward.js'
import { viewMention } from './mentions.js'
import type { FormerText, MessageDocument } from './model.js'
import { viewReactions } from './reactions.js'
import { type Quotes, viewReply } from './reply.js'
import type { FormerTextView, MessageView } from './schema.js'

/**
 * What one person sees of a message; a deleted one, for all or for them, keeps its place and nothing else.
 * @param quotes what they see of the messages that are replied to; without it no word of them is shown
 */
export const viewMessage = (message: MessageDocument, viewerId: string, quotes?: Quotes): MessageView => {
  const deletedAt = deletedFor(message, viewerId)
  const seen = deletedAt && !message.deletedAt ? tombstoneOf(message, deletedAt) : message
  const { reactions = [], reactionsVersion = 0 } = seen
  return { ...view(seen, quotes), reactions: viewReactions(reactions, viewerId), reactionsVersion }
}

type ForAll = Omit<MessageView, 'reactions' | 'reactionsVersion'>

/**
 * What all who read a conversation are told of a message: all but its reactions, of which some are one's own. Who has deleted it for themselves
 * keeps it deleted.
 */
export const viewForAll = (message: MessageDocument): ForAll => view(message)

export const viewFormerText = ({ version, text, mentions = [], at }: FormerText): FormerTextView => ({
  version,
  text,
  mentions: mentions.map(viewMention),
  at: at.toISOString(),
})

const view = (message: MessageDocument, quotes?: Quotes): ForAll => ({
  id: message._id.toHexString(),
  conversationId: message.conversationId.toHexString(),
  seq: message.seq,
  senderId: message.senderId.toHexString(),
  clientId: message.clientId,
  type: message.type,
  text: message.text,
  attachments: (message.attachments ?? []).map(viewAttachment),
  replyTo: message.replyTo ? viewReply(message.replyTo, quotes) : null,
  forwardOf: message.forwardOf ? viewForward(message.forwardOf) : null,
  mentions: (message.mentions ?? []).map(viewMention),
  system: message.system ? { ...message.system, userIds: [...message.system.userIds] } : null,
  version: message.version,
  createdAt: message.createdAt.toISOString(),
  editedAt: message.editedAt?.toISOString() ?? null,
  deletedAt: message.deletedAt?.toISOString() ?? null,
  disappearsAt: message.disappearsAt?.toISOString() ?? null,
})
