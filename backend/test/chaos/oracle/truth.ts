import { mongo } from 'mongoose'
import type { Database } from '../services/database.js'

export interface StoredMessage {
  readonly id: string
  readonly conversationId: string
  readonly seq: number
  readonly clientId: string
  readonly senderId: string
  readonly type: string
  readonly version: number
  /** null where it was deleted for all, and of a system message */
  readonly text: string | null
  readonly isDeleted: boolean
  /** True while not all of it has been told and forgotten. */
  readonly untold: boolean
}

interface StoredMember {
  readonly userId: string
  readonly joinedSeq: number
  readonly readSeq: number
}

export interface StoredConversation {
  readonly id: string
  readonly members: readonly StoredMember[]
  /** In the order of seq. */
  readonly messages: readonly StoredMessage[]
}

/** Who sends has read up to their own message: a client knows it from the message, whether or not it is stored as a receipt. */
export const ownSeq = ({ messages }: StoredConversation, userId: string): number =>
  messages.findLast(({ senderId }) => senderId === userId)?.seq ?? 0

/** What the database holds of some people's conversations, by id. */
export type Truth = ReadonlyMap<string, StoredConversation>

interface MessageRow extends mongo.Document {
  conversationId: mongo.ObjectId
  seq: number
  clientId: string
  senderId: mongo.ObjectId
  type: string
  version: number
  text: string | null
  deletedAt?: Date | null
  outbox?: unknown[]
}

interface ReceiptRow extends mongo.Document {
  conversationId: mongo.ObjectId
  userId: mongo.ObjectId
  readSeq: number
}

interface ConversationRow extends mongo.Document {
  members: { userId: mongo.ObjectId; joinedSeq: number }[]
}

/** Reads it directly, not through the product. */
export const readTruth = async (database: Database, userIds: readonly string[]): Promise<Truth> => {
  const ids = userIds.map((id) => new mongo.ObjectId(id))
  const conversations = await database
    .collection<ConversationRow>('conversations')
    .find({ 'members.userId': { $in: ids } })
    .toArray()
  const messages = await database
    .collection<MessageRow>('messages')
    .find({ conversationId: { $in: conversations.map(({ _id }) => _id) } })
    .sort({ conversationId: 1, seq: 1 })
    .toArray()
  const receipts = await database
    .collection<ReceiptRow>('receipts')
    .find({ conversationId: { $in: conversations.map(({ _id }) => _id) } })
    .toArray()
  const readSeqs = new Map(receipts.map(({ conversationId, userId, readSeq }) => [`${String(conversationId)} ${String(userId)}`, readSeq]))
  const truth = new Map<string, StoredConversation & { messages: StoredMessage[] }>()
  for (const { _id, members } of conversations) {
    const stored = members.map(({ userId, joinedSeq }) => {
      return { userId: userId.toHexString(), joinedSeq, readSeq: readSeqs.get(`${String(_id)} ${String(userId)}`) ?? 0 }
    })
    truth.set(String(_id), { id: String(_id), members: stored, messages: [] })
  }
  for (const row of messages) truth.get(row.conversationId.toHexString())?.messages.push(storedMessage(row))
  return truth
}

const storedMessage = (row: MessageRow): StoredMessage => ({
  id: String(row._id),
  conversationId: row.conversationId.toHexString(),
  seq: row.seq,
  clientId: row.clientId,
  senderId: row.senderId.toHexString(),
  type: row.type,
  version: row.version,
  text: row.deletedAt ? null : row.text,
  isDeleted: Boolean(row.deletedAt),
  untold: row.outbox !== undefined,
})

/** How many documents still carry something to be told. */
export const untoldCount = async (database: Database): Promise<number> => {
  const counts = await Promise.all(
    ['messages', 'conversations', 'receipts', 'sessions'].map((name) =>
      database.collection(name).countDocuments({ outbox: { $exists: true } }),
    ),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}
