import {
  Arrivals,
  Changes,
  ConversationList,
  ConversationService,
  ConversationViews,
  conversationSource,
  Gone,
  Invites,
  MemberService,
  Memberships,
  OwnSettings,
} from '../features/conversations/index.js'
import { countMentions, type Heads, type LastMessages, type MessageService } from '../features/messages/index.js'
import type { ReceiptService } from '../features/receipts/index.js'
import type { Base } from './base.js'
import type { UploadUsesContext } from './uploads.js'
import type { Users } from './users.js'

export type Conversations = ReturnType<typeof createConversations>

/** What tells conversations of their messages. */
interface Messaging {
  readonly messages: MessageService
  readonly receipts: ReceiptService
  readonly heads: Heads
  readonly lastMessages: LastMessages
}

/** Who talks with whom. @param messaging what their messages are, once it is there: the two tell of each other */
export const createConversations = (
  { collection, models, hub, log, outbox, leases: { worker } }: Base,
  { users, blocks }: Users,
  { uploadUses: uploads }: UploadUsesContext,
  messaging: () => Messaging,
) => {
  const memberships = new Memberships({ conversations: models.conversations, hub })
  const source = conversationSource({
    collection: () => collection('conversations'),
    watermarks: (conversation, userIds) => messaging().receipts.among(conversation, userIds),
    writeMessage: (message) => messaging().messages.sendSystem(message),
  })
  const changes = new Changes({ conversations: models.conversations, worker })
  const gone = new Gone({ conversations: models.conversations, outbox, source })
  const headOf = (id: string) => messaging().heads.read(id)
  const known = { users, blocks, changes, memberships, outbox, source, gone, headOf }
  const conversations = new ConversationService({ ...known, conversations: models.conversations, uploads, worker })
  const arrivals = new Arrivals({ log, headOf })
  const members = new MemberService({ ...known, conversations, arrivals })
  const invites = new Invites({ conversations: models.conversations, changes, arrivals, blocks, users, outbox, source })
  const ownSettings = new OwnSettings({ conversations: models.conversations, changes, outbox, source, headOf })
  const conversationList = new ConversationList({ conversations: models.conversations })
  const conversationViews = new ConversationViews({
    watermarks: (of, viewerId) => messaging().receipts.shownIn(of, viewerId),
    lastMessages: (of, viewerId) => messaging().lastMessages.of(of, viewerId),
    mentionCounts: (unread, viewerId) => countMentions(models.messages, unread, viewerId),
  })
  return { memberships, conversations, conversationViews, members, ownSettings, conversationList, invites, conversationOutbox: source }
}
