import type { Model, Types } from 'mongoose'
import type { Caller } from '../../http/endpoint.js'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import { type ConversationDocument, type Memberships, shownMembers, type WatermarksOf } from '../conversations/index.js'
import type { Heads, MessageService } from '../messages/index.js'
import type { ReceiptDocument } from './model.js'
import { type MessageReceipts, receiptsOfMessage } from './of-message.js'
import type { ReceiptPrivacy } from './privacy.js'
import type { SendReceipt } from './schema.js'
import type { ReceiptWriter } from './writer.js'

interface Dependencies {
  readonly receipts: Model<ReceiptDocument>
  readonly messages: Pick<MessageService, 'get'>
  readonly memberships: Memberships
  readonly heads: Heads
  readonly writer: ReceiptWriter
  readonly privacy: ReceiptPrivacy
}

export class ReceiptService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Raises the caller's watermarks, and resolves when that is stored; reading is receiving too.
   * @throws Problem not_found where the caller is no member, validation_failed past the conversation's newest message, service_unavailable
   */
  async record(caller: Caller, conversationId: string, { deliveredSeq = 0, readSeq = 0 }: SendReceipt): Promise<void> {
    await this.#requireMember(caller, conversationId)
    const highest = Math.max(deliveredSeq, readSeq)
    if (!(await this.#reaches(conversationId, highest))) {
      const path = readSeq === highest ? 'body.readSeq' : 'body.deliveredSeq'
      throw new Problem('validation_failed', undefined, { errors: [{ path, message: 'past the newest message' }] })
    }
    if (highest > 0) await this.#deps.writer.raise({ conversationId, userId: caller.userId, deliveredSeq: highest, readSeq, tell: true })
  }

  /** Who has received and read a message, and when. @throws Problem not_found where the caller is no member of its conversation */
  async ofMessage(caller: Caller, messageId: string): Promise<MessageReceipts> {
    const { messages, memberships, receipts, privacy } = this.#deps
    const message = await messages.get(caller, messageId)
    const conversationId = message.conversationId.toHexString()
    const found = await receiptsOfMessage(receipts, message, await memberships.inConversation(conversationId))
    const hides = await privacy.of(found.readBy.map(({ userId }) => ({ conversationId, userId: userId.toHexString() })))
    const isSeen = (userId: string) => userId === caller.userId || !hides(conversationId, userId)
    return { ...found, readBy: found.readBy.filter(({ userId }) => isSeen(userId.toHexString())) }
  }

  /** The watermarks of all that these conversations show to one of their members, in one query. */
  async shownIn(conversations: readonly ConversationDocument[], viewerId: string): Promise<WatermarksOf> {
    return this.#find(conversations, [toObjectId(viewerId)])
  }

  /** The watermarks of some members of a conversation, and of those that it shows. */
  async among(conversation: ConversationDocument, userIds: readonly Types.ObjectId[]): Promise<WatermarksOf> {
    return this.#find([conversation], userIds)
  }

  /** Forgets how far a person has received and read, everywhere. */
  async forgetOf(userId: string): Promise<void> {
    await this.#deps.receipts.deleteMany({ userId: toObjectId(userId) })
  }

  async #find(conversations: readonly ConversationDocument[], userIds: readonly Types.ObjectId[]): Promise<WatermarksOf> {
    const { receipts, writer, privacy } = this.#deps
    const branches = conversations.map((conversation) => askedOf(conversation, userIds))
    const found =
      branches.length === 0
        ? []
        : await receipts
            .find({ $or: branches }, { conversationId: 1, userId: 1, deliveredSeq: 1, readSeq: 1 }, { batchSize: mostInOneAnswer })
            .lean()
    const stored = new Map(found.map((receipt) => [`${receipt.conversationId.toHexString()}:${receipt.userId.toHexString()}`, receipt]))
    const directKeys = conversations.flatMap(({ _id, directKey }) =>
      directKey === undefined ? [] : [[_id.toHexString(), directKey] as const],
    )
    const readers = found.map(({ conversationId, userId }) => ({
      conversationId: conversationId.toHexString(),
      userId: userId.toHexString(),
    }))
    const hides = await privacy.of(readers, new Map(directKeys))
    return (conversationId, userId, viewerId) => {
      const { deliveredSeq = 0, readSeq = 0 } = stored.get(`${conversationId}:${userId}`) ?? {}
      const sent = writer.lastSent(conversationId, userId)
      const isSeen = userId === viewerId || !hides(conversationId, userId)
      return { deliveredSeq: Math.max(deliveredSeq, sent), readSeq: isSeen ? Math.max(readSeq, sent) : 0 }
    }
  }

  /** True where the conversation has a message with this seq: as far as the workers know of it, else by the database. */
  async #reaches(conversationId: string, seq: number): Promise<boolean> {
    if (seq === 0) return true
    const { heads } = this.#deps
    const known = await heads.of(new Set([conversationId]))
    return seq <= (known.get(conversationId) ?? 0) || seq <= (await heads.read(conversationId))
  }

  async #requireMember(caller: Caller, conversationId: string): Promise<void> {
    if (!(await this.#deps.memberships.isMember(caller.userId, conversationId))) throw new Problem('not_found')
  }
}

/** All that a page of conversations shows: the database's own first batch is of 101, and what is over that is asked for once more. */
const mostInOneAnswer = 5000

const askedOf = (conversation: ConversationDocument, userIds: readonly Types.ObjectId[]) => ({
  conversationId: conversation._id,
  userId: { $in: [...shownMembers(conversation).map(({ userId }) => userId), ...userIds] },
})
