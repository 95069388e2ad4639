import { LRUCache } from 'lru-cache'
import type { Model } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { ConversationDocument } from './model.js'

/** How long a worker may believe that somebody is a member; a refusal is never remembered. */
const cacheTtlMs = 1000
const mostCached = 50_000

/** Who is in which conversation: the question before every read and write. */
export class Memberships {
  readonly #conversations: Model<ConversationDocument>
  readonly #known = new LRUCache<string, true>({ max: mostCached, ttl: cacheTtlMs })
  constructor(deps: { conversations: Model<ConversationDocument> }) {
    this.#conversations = deps.conversations
  }

  async isMember(userId: string, conversationId: string): Promise<boolean> {
    const key = `${conversationId}:${userId}`
    if (this.#known.has(key)) return true
    const found = await this.#conversations.exists({ _id: toObjectId(conversationId), 'members.userId': toObjectId(userId) })
    if (found) this.#known.set(key, true)
    return found !== null
  }

  /** True for a group's owner and admins. Asked anew each time. */
  async moderates(userId: string, conversationId: string): Promise<boolean> {
    const members = { $elemMatch: { userId: toObjectId(userId), role: { $in: ['owner', 'admin'] } } }
    return (await this.#conversations.exists({ _id: toObjectId(conversationId), type: 'group', members }).read('primary')) !== null
  }

  /** The conversations a person is in, and since when; from the primary. */
  async of(userId: string): Promise<{ conversationId: string; joinedAt: Date }[]> {
    const id = toObjectId(userId)
    const conversations = await this.#conversations
      .find({ 'members.userId': id }, { members: { $elemMatch: { userId: id } } })
      .read('primary')
      .lean()
    return conversations.flatMap(({ _id, members }) => members.map(({ joinedAt }) => ({ conversationId: _id.toHexString(), joinedAt })))
  }
}
