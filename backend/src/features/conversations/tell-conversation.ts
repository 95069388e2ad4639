import { encodeEvent } from '../../realtime/catalogue.js'
import type { ControlMessage } from '../../realtime/control-message.js'
import type { Entry } from '../../realtime/log/log.js'
import { idInPlaceOf, type OutboxEntry } from '../../realtime/outbox-entry.js'
import { memberOf } from './member-changes.js'
import type { ConversationDocument } from './model.js'
import { isHidden } from './own-state.js'
import { joinedControl, leftControl, settingsControl, toConversation, toUser } from './tell-to.js'
import { userIdsOf } from './told-data.js'
import { viewConversation } from './view.js'
import type { WatermarksOf } from './watermarks.js'

type Type = 'conversation.created' | 'conversation.updated'

interface Told {
  readonly type: Type
  readonly watermarksOf: WatermarksOf
  readonly control?: ControlMessage
}

/** What is told of a conversation as such: to each member on their own channel, as they see it; of a large one that there is something to fetch. */
export const tellConversation = (conversation: ConversationDocument, entry: OutboxEntry, watermarksOf: WatermarksOf): Entry[] => {
  const { type } = entry
  if (type === 'conversation.deleted') {
    return entry.data?.['own'] === 'true' ? hidden(conversation, entry, watermarksOf) : deleted(conversation, entry)
  }
  if (type === 'member.added' || type === 'member.updated' || type === 'member.removed') return []
  if (type !== 'conversation.created' && type !== 'conversation.updated') {
    const inItsPlace = { ...entry, eventId: idInPlaceOf(entry.eventId) }
    return [toFetch(conversation, inItsPlace, 'conversation.updated')]
  }
  const userIds = userIdsOf(entry)
  if (!userIds) return [toFetch(conversation, entry, type)]
  const control = settingsControl(conversation, entry)
  return userIds.map((userId, n) =>
    type === 'conversation.created'
      ? created(conversation, entry, userId, watermarksOf)
      : asSeen(conversation, entry, userId, { type, watermarksOf, ...(control && n === 0 && { control }) }),
  )
}

/**
 * Somebody finds themselves in a conversation: their streams tell of it from now on. Not where they have left since: a log that was lost is told
 * of their coming once more, and of their going only after it.
 */
export const created = (conversation: ConversationDocument, entry: OutboxEntry, userId: string, watermarksOf: WatermarksOf): Entry => {
  const control = memberOf(conversation, userId) && joinedControl(conversation, entry, [userId])
  return asSeen(conversation, entry, userId, { type: 'conversation.created', watermarksOf, ...(control && { control }) })
}

const asSeen = (conversation: ConversationDocument, entry: OutboxEntry, userId: string, told: Told): Entry => {
  const { type, watermarksOf, control } = told
  const named = { type, conversationId: conversation._id.toHexString(), at: entry.at.toISOString() }
  // Who has left meanwhile is told so after this; what the conversation is now is none of their business.
  const content = memberOf(conversation, userId)
    ? { conversation: viewConversation(conversation, userId, watermarksOf) }
    : { fetch: true as const }
  return toUser(userId, entry, encodeEvent({ ...named, ...content }), control)
}

/** One event for all: its readers fetch. Those who are new there hear of it because it comes after the control message. */
const toFetch = (conversation: ConversationDocument, entry: OutboxEntry, type: Type): Entry => {
  const conversationId = conversation._id.toHexString()
  const userIds = conversation.members.map(({ userId }) => userId.toHexString())
  const control = type === 'conversation.created' ? joinedControl(conversation, entry, userIds) : settingsControl(conversation, entry)
  return toConversation(conversation, entry, encodeEvent({ type, conversationId, at: entry.at.toISOString(), fetch: true }), control)
}

/** On everybody's own channel, however many they are: who was offline has no other to hear it from. After all streams have left. */
const deleted = (conversation: ConversationDocument, entry: OutboxEntry): Entry[] => {
  const userIds = userIdsOf(entry) ?? []
  const frame = deletedFrame(conversation, entry)
  return [
    toConversation(conversation, entry, frame, leftControl(conversation, entry, userIds)),
    ...userIds.map((userId) => toUser(userId, entry, frame)),
  ]
}

/** Somebody took it off their list and is in it all the same. Where a message has brought it back, that is told. */
const hidden = (conversation: ConversationDocument, entry: OutboxEntry, watermarksOf: WatermarksOf): Entry[] =>
  (userIdsOf(entry) ?? []).map((userId) => {
    const member = memberOf(conversation, userId)
    return member && !isHidden(conversation, member)
      ? asSeen(conversation, entry, userId, { type: 'conversation.updated', watermarksOf })
      : toUser(userId, entry, deletedFrame(conversation, entry))
  })

const deletedFrame = (conversation: ConversationDocument, { at, data }: OutboxEntry): Buffer => {
  const id = conversation._id.toHexString()
  const version = Number(data?.['version'])
  return encodeEvent({ type: 'conversation.deleted', conversationId: id, at: at.toISOString(), conversation: { id, version } })
}
