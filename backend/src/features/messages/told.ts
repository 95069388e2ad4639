import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import { idInPlaceOf, type OutboxEntry } from '../../realtime/outbox-entry.js'
import type { Activity, Memberships } from '../conversations/index.js'
import { tombstoneOf } from './deleted.js'
import { type MessageDocument, untoldIndex } from './model.js'
import { viewForAll } from './view.js'

interface Dependencies {
  readonly collection: () => mongo.Collection<MessageDocument>
  /** This worker's name in outboxes: what another one left is told late, and by a clock that may be ahead of this one's. */
  readonly worker: string
  readonly activity: Activity
  readonly memberships: Pick<Memberships, 'hiddenBefore'>
  /** Told of who has sent what. */
  readonly receipts: { sent(messages: readonly MessageDocument[]): void }
  /** Told of uploads that a message has no more. */
  readonly uploads: { detached(uploadIds: readonly string[]): Promise<void> }
}

/** More than these of one conversation are not told and forgotten only where it is very busy: there a sweep goes on where the one before came to. */
const mostRead = 1000

/** Who has come meanwhile may not see what is told so late: it was sent before they came, and Redis or its worker was away. */
const lateAfterMs = 1000

const channelOf = ({ conversationId }: MessageDocument) => `conversation:${conversationId.toHexString()}` as const

/**
 * The message as a change left it, whatever came since. So an event says the same whoever publishes it, and where several workers publish
 * a message's events at once, no version falls. Where the former text is not kept any more: the next one that is.
 */
const asChanged = (message: MessageDocument, version: number): MessageDocument => {
  const former = message.edits?.find((edit) => edit.version >= version)
  if (!former) return message
  const { editedAt: _, mentions: __, ...rest } = message
  const edited = former.at.getTime() === message.createdAt.getTime() ? {} : { editedAt: former.at }
  return { ...rest, ...edited, text: former.text, ...(former.mentions && { mentions: former.mentions }), version: former.version }
}

/** That somebody has deleted it for themselves: for their own devices, whatever became of it since. */
const tellOne = (message: MessageDocument, { eventId, at, data }: OutboxEntry, userId: string): Entry => {
  const tombstone = viewForAll(tombstoneOf({ ...message, version: Number(data?.['version']) }, at))
  const about = { conversationId: tombstone.conversationId, at: at.toISOString() }
  return { channel: `user:${userId}`, eventId, frame: encodeEvent({ type: 'message.deleted', ...about, message: tombstone }) }
}

/** @param hidden from some who read the conversation: all are told that there is something to fetch, which those cannot */
const tell = (message: MessageDocument, outboxEntry: OutboxEntry, hidden = false): Entry => {
  const { type, eventId, at, data } = outboxEntry
  const { conversationId, seq, id } = viewForAll(message)
  const about = { conversationId, at: at.toISOString() }
  const entry = { channel: channelOf(message), eventId }
  if (type === 'message.deleted' && data?.['userId'] !== undefined) return tellOne(message, outboxEntry, data['userId'])
  if (type === 'message.deleted') return { ...entry, frame: encodeEvent({ type, ...about, message: viewForAll(message) }) } // no messageId: it outlives the purge
  const changed = (version: number) =>
    hidden ? { message: { id, conversationId, seq, version }, fetch: true as const } : { message: viewForAll(asChanged(message, version)) }
  if (type === 'message.created') return { ...entry, frame: encodeEvent({ type, ...about, ...changed(1) }), seq, messageId: id }
  if (type === 'message.updated')
    return { ...entry, frame: encodeEvent({ type, ...about, ...changed(Number(data?.['version'])) }), messageId: id }
  if (type === 'reaction.added' || type === 'reaction.removed') {
    const { userId = '', emoji = '', reactionsVersion } = data ?? {}
    const reaction = { messageId: id, seq, userId, emoji, reactionsVersion: Number(reactionsVersion) }
    return { ...entry, frame: encodeEvent({ type, ...about, ...reaction }), messageId: id }
  }
  const names = { id, conversationId, seq, version: message.version }
  return {
    ...entry,
    eventId: idInPlaceOf(eventId),
    frame: encodeEvent({ type: 'message.updated', ...about, message: names, fetch: true }),
    messageId: id,
  }
}

/** What a conversation's members are told of its messages. */
export const messageSource = ({ collection, worker: own, activity, memberships, receipts, uploads }: Dependencies): OutboxSource => {
  const reachesNewcomers = ({ type, at, worker }: OutboxEntry): boolean =>
    type === 'message.updated' || (type === 'message.created' && (worker !== own || Date.now() - at.getTime() > lateAfterMs))

  const tellToNewcomers = async (message: MessageDocument, entry: OutboxEntry): Promise<Entry[]> => {
    const hiddenBefore = await memberships.hiddenBefore(message.conversationId.toHexString())
    return [tell(message, entry, message.seq < hiddenBefore)]
  }
  return outboxSource<MessageDocument>({
    collection,

    tell: (message, entry) => (reachesNewcomers(entry) ? tellToNewcomers(message, entry) : [tell(message, entry)]),

    /** Its conversation has changed with it, and its sender has read what is before it; files of a deleted one may go. */
    async followUp(message, { type, data }): Promise<void> {
      const { conversationId, seq, createdAt } = message
      activity.note({ conversationId, seq, at: createdAt })
      receipts.sent([message])
      const attachments = type === 'message.deleted' ? data?.['attachments'] : undefined
      if (attachments !== undefined) await uploads.detached(attachments.split(' '))
    },

    purges: (message) => (message.deletedAt ? { channel: channelOf(message), messageId: message._id.toHexString() } : undefined),

    async baseOf({ conversationId, seq }, isTold): Promise<number> {
      const limit = isTold ? mostRead : 1
      const found = await collection()
        .find(
          { conversationId, outbox: { $exists: true }, 'outbox.type': 'message.created' },
          { hint: untoldIndex, projection: { seq: 1, outbox: 1 }, readConcern: { level: 'majority' }, readPreference: 'primary' },
        )
        .sort({ seq: 1 })
        .limit(limit)
        .toArray()
      const untold = found.find(({ outbox = [] }) => outbox.some((entry) => entry.type === 'message.created' && !isTold?.(entry)))
      const all = found.length < limit ? seq : (found.at(-1)?.seq ?? seq)
      return Math.min(untold?.seq ?? all, seq) - 1
    },
  })
}
