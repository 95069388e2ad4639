import type { ControlMessage } from '../../realtime/control-message.js'
import type { Entry } from '../../realtime/log/log.js'
import type { OutboxEntry } from '../../realtime/outbox-entry.js'
import { clockMarginMs } from '../../realtime/resume.js'
import type { ConversationDocument } from './model.js'

/** @param part tells apart what one change tells one channel */
export const toConversation = (
  conversation: ConversationDocument,
  { eventId }: OutboxEntry,
  frame: Buffer,
  control?: ControlMessage,
  part = '',
): Entry => ({
  channel: `conversation:${conversation._id.toHexString()}`,
  eventId: `${eventId}:${part}`,
  frame,
  ...(control && { control }),
})

/** @param part tells apart what one change tells one channel */
export const toUser = (userId: string, { eventId }: OutboxEntry, frame: Buffer, control?: ControlMessage, part = ''): Entry => ({
  channel: `user:${userId}`,
  eventId: `${eventId}:${part}`,
  frame,
  ...(control && { control }),
})

const versionOf = ({ data }: OutboxEntry): number => Number(data?.['version'] ?? 1)

/** Their streams tell of the conversation from where its log stood before they came; where that is not known, from long enough before by any clock. */
export const joinedControl = (conversation: ConversationDocument, entry: OutboxEntry, userIds: readonly string[]): ControlMessage => ({
  joined: {
    conversationId: conversation._id.toHexString(),
    userIds,
    version: versionOf(entry),
    since: entry.data?.['since'] ?? `${Math.max(0, entry.at.getTime() - clockMarginMs)}-0`,
  },
})

/** What holds for messages has changed: what workers believe of it is over. */
export const settingsControl = (conversation: ConversationDocument, { data }: OutboxEntry): ControlMessage | undefined =>
  data?.['settings'] === undefined ? undefined : { settings: conversation._id.toHexString() }

export const leftControl = (conversation: ConversationDocument, entry: OutboxEntry, userIds: readonly string[]): ControlMessage => ({
  left: { conversationId: conversation._id.toHexString(), userIds, version: versionOf(entry) },
})
