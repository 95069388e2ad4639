import { type ConversationDocument, type Member, settingsOf } from './model.js'
import { isArchived, isMuted } from './own-state.js'
import { isPinned } from './pins.js'
import type { MemberView, ToldConversation } from './schema.js'
import type { WatermarksOf } from './watermarks.js'

const membersShown = 20

/** Of its members, those that a conversation shows. */
export const shownMembers = ({ members }: ConversationDocument): Member[] => members.slice(0, membersShown)

/** @param viewerId where one of the members is to see it, and not all of them */
export const viewMember = (
  conversation: Pick<ConversationDocument, '_id'>,
  member: Member,
  watermarksOf: WatermarksOf,
  viewerId?: string,
): MemberView => ({
  userId: member.userId.toHexString(),
  conversationId: conversation._id.toHexString(),
  role: member.role,
  joinedAt: member.joinedAt.toISOString(),
  ...watermarksOf(conversation._id.toHexString(), member.userId.toHexString(), viewerId),
})

/** What one of its members is told of a conversation. @throws where `viewerId` is not a member: a fault of ours */
export const viewConversation = (conversation: ConversationDocument, viewerId: string, watermarksOf: WatermarksOf): ToldConversation => {
  const mine = conversation.members.find((member) => member.userId.toHexString() === viewerId)
  if (!mine) throw new Error('A conversation is seen by its members alone')
  const my = watermarksOf(conversation._id.toHexString(), viewerId, viewerId)
  return {
    id: conversation._id.toHexString(),
    type: conversation.type,
    name: conversation.name,
    description: conversation.description,
    avatarUploadId: conversation.avatarUploadId?.toHexString() ?? null,
    memberCount: conversation.members.length,
    members: shownMembers(conversation).map((member) => viewMember(conversation, member, watermarksOf, viewerId)),
    lastSeq: conversation.lastSeq,
    lastMessageAt: conversation.lastMessageAt.toISOString(),
    unreadCount: Math.max(0, conversation.lastSeq - Math.max(my.readSeq, mine.joinedSeq)),
    settings: settingsOf(conversation),
    my: { role: mine.role, joinedAt: mine.joinedAt.toISOString(), joinedSeq: mine.joinedSeq, ...my, ...viewOwn(conversation, mine) },
    createdAt: conversation.createdAt.toISOString(),
    version: conversation.version,
  }
}

const viewOwn = (conversation: ConversationDocument, mine: Member, at = new Date()) => ({
  archived: isArchived(conversation, mine, at),
  pinned: isPinned(conversation, mine.userId.toHexString()),
  mutedUntil: isMuted(mine, at) ? (mine.mutedUntil?.toISOString() ?? null) : null,
})
