import type { ConversationDocument, Member } from './model.js'
import type { ConversationView, MemberView } from './schema.js'

const membersShown = 20

export const viewMember = (conversation: Pick<ConversationDocument, '_id'>, member: Member): MemberView => ({
  userId: member.userId.toHexString(),
  conversationId: conversation._id.toHexString(),
  role: member.role,
  joinedAt: member.joinedAt.toISOString(),
})

/** What one of its members sees of a conversation. @throws where `viewerId` is not a member: a fault of ours */
export const viewConversation = (conversation: ConversationDocument, viewerId: string): ConversationView => {
  const mine = conversation.members.find((member) => member.userId.toHexString() === viewerId)
  if (!mine) throw new Error('A conversation is seen by its members alone')
  return {
    id: conversation._id.toHexString(),
    type: conversation.type,
    name: conversation.name,
    description: conversation.description,
    memberCount: conversation.members.length,
    members: conversation.members.slice(0, membersShown).map((member) => viewMember(conversation, member)),
    lastSeq: conversation.lastSeq,
    lastMessageAt: conversation.lastMessageAt.toISOString(),
    my: { role: mine.role, joinedAt: mine.joinedAt.toISOString(), joinedSeq: mine.joinedSeq },
    createdAt: conversation.createdAt.toISOString(),
    version: conversation.version,
  }
}
