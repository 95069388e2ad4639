import type { Model, Types } from 'mongoose'
import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { deletedFor } from './deleted.js'
import { excerptOf } from './excerpt.js'
import type { MessageDocument } from './model.js'

/** Which message a reply is to: what of it never changes, and no word of it. */
export interface RepliedTo {
  messageId: Types.ObjectId
  seq: number
  senderId: Types.ObjectId
}

export const ReplyView = z
  .object({
    id: Id,
    seq: z.int().positive(),
    senderId: Id,
    text: z.string().nullable().meta({
      description:
        'The first 200 characters of what it says now. Null where it is deleted or has none, and in every event, which all members get: the conversation has the message under this id and seq',
    }),
    deleted: z.boolean().meta({ description: 'It is deleted, or not there for you' }),
  })
  .meta({ id: 'Quote' })
type ReplyView = z.infer<typeof ReplyView>

type Quote = Pick<ReplyView, 'text' | 'deleted'>
/** What a viewer sees of the messages that others are replies to, by id. */
export type Quotes = ReadonlyMap<string, Quote>

interface Viewer {
  readonly messages: Model<MessageDocument>
  readonly viewerId: string
  /** The first seq of a conversation that the viewer may see. */
  readonly firstSeqOf: (conversationId: Types.ObjectId) => number
}

const gone: Quote = { text: null, deleted: true }
const untold: Quote = { text: null, deleted: false }

export const referenceTo = ({ _id: messageId, seq, senderId }: MessageDocument): RepliedTo => ({ messageId, seq, senderId })

/**
 * What a viewer sees of the messages that those shown are replies to, as they are now: a word of them is kept nowhere else, so none outlives its message.
 * In one query, of those which are not shown themselves.
 */
export const quotesIn = async ({ messages, viewerId, firstSeqOf }: Viewer, shown: readonly MessageDocument[]): Promise<Quotes> => {
  const replies = shown.flatMap(({ conversationId, replyTo }) => (replyTo ? [{ conversationId, ...replyTo }] : []))
  if (replies.length === 0) return new Map()
  const seen = replies.filter(({ conversationId, seq }) => seq >= firstSeqOf(conversationId))
  const known = new Map(shown.map((message) => [message._id.toHexString(), message]))
  const wanted = seen.filter(({ messageId }) => !known.has(messageId.toHexString()))
  if (wanted.length > 0) for (const message of await find(messages, wanted)) known.set(message._id.toHexString(), message)
  return new Map(
    seen.map(({ messageId }) => {
      const id = messageId.toHexString()
      return [id, quoteOf(known.get(id), viewerId)]
    }),
  )
}

const find = (
  messages: Model<MessageDocument>,
  wanted: readonly { conversationId: Types.ObjectId; messageId: Types.ObjectId }[],
): Promise<MessageDocument[]> => {
  const conversationIds = new Map(wanted.map(({ conversationId }) => [conversationId.toHexString(), conversationId]))
  const filter = { conversationId: { $in: [...conversationIds.values()] }, _id: { $in: wanted.map(({ messageId }) => messageId) } }
  return messages
    .find(filter, { edits: 0, outbox: 0 }, { hint: '_id_' }) // a planner without statistics may read whole conversations instead
    .read('primary')
    .lean()
    .exec()
}

const quoteOf = (message: MessageDocument | undefined, viewerId: string): Quote => {
  if (!message || deletedFor(message, viewerId)) return gone
  return { text: message.text === null ? null : excerptOf(message.text), deleted: false }
}

/** @param quotes what the viewer sees; absent where it is told to all */
export const viewReply = ({ messageId, seq, senderId }: RepliedTo, quotes?: Quotes): ReplyView => {
  const id = messageId.toHexString()
  return { id, seq, senderId: senderId.toHexString(), ...(quotes ? (quotes.get(id) ?? gone) : untold) }
}
