import { Schema, type Types } from 'mongoose'
import { outboxField, outboxIndex, type WithOutbox } from '../../realtime/outbox-entry.js'
import type { SystemEvent } from '../conversations/index.js'
import type { Attachment } from './attachments.js'
import type { Forwarded } from './forward.js'
import type { Mention } from './mentions.js'
import type { Reaction } from './reactions.js'
import type { RepliedTo } from './reply.js'

/** What a message said before it was edited. */
export interface FormerText {
  text: string
  mentions?: Mention[]
  /** The message's version that an edit replaced. */
  version: number
  /** When it was written. */
  at: Date
}

export interface MessageDocument extends WithOutbox {
  _id: Types.ObjectId
  conversationId: Types.ObjectId
  /** Its place in the conversation: contiguous from 1, never used again. */
  seq: number
  senderId: Types.ObjectId
  clientId: string
  /** Of what was first sent: tells a retry from another message under the same clientId, whatever becomes of the text. */
  contentHash: string
  type: 'user' | 'system'
  /** Null in a system message, and once it is deleted. */
  text: string | null
  /** In the order in which they were sent; absent where there are none, and once it is deleted. */
  attachments?: Attachment[]
  /** In the order of the text; absent where nobody is mentioned. */
  mentions?: Mention[]
  replyTo?: RepliedTo
  forwardOf?: Forwarded
  /** By which it is found; see words.ts. */
  words?: string[]
  /** What a message of the conversation's own says. */
  system?: SystemEvent
  version: number
  /** What it said before, oldest first; the newest of it where that is much. */
  edits?: FormerText[]
  /** In the order in which they were first chosen. */
  reactions?: Reaction[]
  /** How often the reactions have changed: they have a count of their own, so that who reacts disturbs nobody who edits. */
  reactionsVersion?: number
  createdAt: Date
  editedAt?: Date
  /** When it becomes a tombstone by itself: by the setting of its conversation when it was sent, whatever that is by now. */
  disappearsAt?: Date
  deletedAt?: Date
  deletedBy?: Types.ObjectId
  /** Who has deleted it for themselves. */
  hiddenFor?: Types.ObjectId[]
  /** When each of them did: as long, in the same order. */
  hiddenAt?: Date[]
  /** By the database's clock; absent until the message has been told, or changed. One without it has an outbox. */
  changedAt?: Date
}

export const seqIndex = 'conversation_seq'
export const clientIdIndex = 'conversation_sender_client'
export const untoldIndex = 'conversation_untold'
export const disappearsIndex = 'disappears'
export const changedIndex = 'conversation_changed'
export const mentionIndex = 'conversation_mention'
export const wordsIndex = 'conversation_words'
const attachmentIndex = 'conversation_attachment'

const mentionsField = { type: [{ _id: false, userId: Schema.Types.ObjectId, offset: Number, length: Number }], default: undefined }

export const messageSchema = new Schema<MessageDocument>(
  {
    conversationId: { type: Schema.Types.ObjectId, required: true },
    seq: { type: Number, required: true },
    senderId: { type: Schema.Types.ObjectId, required: true },
    clientId: { type: String, required: true },
    contentHash: { type: String, required: true },
    type: { type: String, enum: ['user', 'system'], required: true },
    text: { type: String, default: null },
    attachments: {
      type: [
        { _id: false, uploadId: Schema.Types.ObjectId, fileName: String, contentType: String, size: Number, width: Number, height: Number },
      ],
      default: undefined,
    },
    mentions: mentionsField,
    replyTo: { type: { _id: false, messageId: Schema.Types.ObjectId, seq: Number, senderId: Schema.Types.ObjectId }, default: undefined },
    forwardOf: { type: { _id: false, senderId: Schema.Types.ObjectId, createdAt: Date }, default: undefined },
    words: { type: [String], default: undefined },
    system: { type: { _id: false, event: String, userIds: [String], name: String }, default: undefined },
    version: { type: Number, required: true },
    edits: { type: [{ _id: false, text: String, mentions: mentionsField, version: Number, at: Date }], default: undefined },
    reactions: { type: [{ _id: false, emoji: String, userIds: [Schema.Types.ObjectId] }], default: undefined },
    reactionsVersion: Number,
    createdAt: { type: Date, required: true },
    editedAt: Date,
    disappearsAt: Date,
    deletedAt: Date,
    deletedBy: Schema.Types.ObjectId,
    hiddenFor: { type: [Schema.Types.ObjectId], default: undefined },
    hiddenAt: { type: [Date], default: undefined },
    changedAt: Date,
    outbox: outboxField,
  },
  { collection: 'messages', versionKey: false },
)
// The commit: seq N+1 can only be taken once N is (docs/adr/0001-commit-by-seq.md).
messageSchema.index({ conversationId: 1, seq: 1 }, { name: seqIndex, unique: true })
// A retried send finds the first one's message.
messageSchema.index({ conversationId: 1, senderId: 1, clientId: 1 }, { name: clientIdIndex, unique: true })
messageSchema.index(...outboxIndex)
// The lowest seq of a conversation that is not told yet; what must be shown to who asks what has changed, whatever the time.
messageSchema.index({ conversationId: 1, seq: 1, _id: 1 }, { name: untoldIndex, partialFilterExpression: { outbox: { $exists: true } } })
// What has changed since.
messageSchema.index({ conversationId: 1, changedAt: 1, seq: 1 }, { name: changedIndex })
// Where in a conversation a person is mentioned.
messageSchema.index(
  { conversationId: 1, 'mentions.userId': 1, seq: 1 },
  { name: mentionIndex, partialFilterExpression: { 'mentions.userId': { $exists: true } } },
)
// What has been said, by its words. Of what has been told: sending writes nothing to it, and what has not been told is found by what it has to tell.
messageSchema.index(
  { conversationId: 1, words: 1, createdAt: -1, _id: -1 },
  { name: wordsIndex, partialFilterExpression: { changedAt: { $exists: true }, words: { $exists: true } } },
)
// Which messages of a conversation have an upload.
messageSchema.index(
  { conversationId: 1, 'attachments.uploadId': 1 },
  { name: attachmentIndex, partialFilterExpression: { 'attachments.uploadId': { $exists: true } } },
)
// What is due, of whatever conversations; a tombstone is not in it.
messageSchema.index({ disappearsAt: 1 }, { name: disappearsIndex, sparse: true })
// By time, for operators: what was said in a conversation, by a person, since when.
messageSchema.index({ conversationId: 1, createdAt: -1 }, { name: 'conversation_created' })
messageSchema.index({ senderId: 1, createdAt: -1 }, { name: 'sender_created' })
