import { toObjectId } from '../../http/ids.js'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { Entry } from '../../realtime/log/log.js'
import type { OutboxEntry } from '../../realtime/outbox-entry.js'
import { memberOf } from './member-changes.js'
import type { ConversationDocument } from './model.js'
import { RoleName } from './schema.js'
import { created } from './tell-conversation.js'
import { leftControl, toConversation, toUser } from './tell-to.js'
import { userIdsOf } from './told-data.js'
import { viewMember } from './view.js'
import type { WatermarksOf } from './watermarks.js'

/**
 * What is told of members: to all in the conversation. Who comes finds themselves in it first, and hears of it there; who goes has left its
 * channel before it is told there, and hears of it on their own, last of all.
 */
export const tellMembers = (conversation: ConversationDocument, entry: OutboxEntry, watermarksOf: WatermarksOf): Entry[] => {
  const { type } = entry
  if (type !== 'member.added' && type !== 'member.updated' && type !== 'member.removed') return []
  const userIds = userIdsOf(entry) ?? []
  // Not of who is back already: a log that was lost is told once more of their going, and their streams, which read that they are here, would leave.
  const gone = userIds.filter((userId) => !memberOf(conversation, userId))
  const control = type === 'member.removed' && gone.length > 0 ? leftControl(conversation, entry, gone) : undefined
  const told = userIds.map((userId) => ({ userId, frame: memberFrame(conversation, { ...entry, type }, userId, watermarksOf) }))
  const toAll = told.map(({ userId, frame }) => toConversation(conversation, entry, frame, control, userId))
  if (type === 'member.added') return [...userIds.map((userId) => created(conversation, entry, userId, watermarksOf)), ...toAll]
  return type === 'member.removed' ? [...toAll, ...told.map(({ userId, frame }) => toUser(userId, entry, frame))] : toAll
}

const memberFrame = (
  conversation: ConversationDocument,
  { type, at, data }: OutboxEntry & { type: 'member.added' | 'member.updated' | 'member.removed' },
  userId: string,
  watermarksOf: WatermarksOf,
): Buffer =>
  encodeEvent({
    type,
    conversationId: conversation._id.toHexString(),
    at: at.toISOString(),
    member: viewMember(
      conversation,
      { userId: toObjectId(userId), role: RoleName.parse(data?.['role']), joinedAt: new Date(data?.['joinedAt'] ?? at), joinedSeq: 0 },
      watermarksOf,
    ),
  })
