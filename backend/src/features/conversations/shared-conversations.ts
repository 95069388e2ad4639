import { LRUCache } from 'lru-cache'
import type { Model } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { directKeyOf } from './direct-key.js'
import type { ConversationDocument } from './model.js'

/** A person whom another has a direct conversation with. */
export interface Partner {
  readonly userId: string
  readonly conversationId: string
  /** Whether they began it. */
  readonly began: boolean
  readonly since: Date
}

const mostKeys = 50_000

/** Who shares conversations with whom. */
export class SharedConversations {
  readonly #conversations: Model<ConversationDocument>
  /** Empty for a group. */
  readonly #directKeys = new LRUCache<string, string>({ max: mostKeys })
  constructor(deps: { readonly conversations: Model<ConversationDocument> }) {
    this.#conversations = deps.conversations
  }

  /** Everyone who is in a conversation with a person, of those with the newest activity; undefined where that is more than `most` people. */
  async peopleAround(userId: string, { conversations, most }: { conversations: number; most: number }): Promise<string[] | undefined> {
    const people = new Set<string>()
    const found = this.#conversations
      .find({ 'members.userId': toObjectId(userId) }, { members: 1 })
      .sort({ lastMessageAt: -1, _id: -1 })
      .limit(conversations)
      .lean()
      .cursor({ batchSize: 50 })
    for await (const { members } of found) {
      for (const member of members) people.add(member.userId.toHexString())
      if (people.size > most + 1) return undefined
    }
    people.delete(userId)
    return [...people]
  }

  /** The ids of a person's conversations, newest activity first. */
  async idsOf(userId: string, most: number): Promise<string[]> {
    const found = await this.#conversations
      .find({ 'members.userId': toObjectId(userId) }, { _id: 1 })
      .sort({ lastMessageAt: -1, _id: -1 })
      .limit(most)
      .lean()
    return found.map(({ _id }) => _id.toHexString())
  }

  /** Which of these conversations are direct, and whose: see `directKeyOf`. That never changes. */
  async directKeysOf(conversationIds: readonly string[]): Promise<Map<string, string>> {
    const unknown = conversationIds.filter((id) => !this.#directKeys.has(id))
    if (unknown.length > 0) {
      const found = await this.#conversations.find({ _id: { $in: unknown.map(toObjectId) } }, { directKey: 1 }).lean()
      for (const { _id, directKey = '' } of found) this.#directKeys.set(_id.toHexString(), directKey)
    }
    const keys = conversationIds.map((id) => [id, this.#directKeys.get(id) ?? ''] as const)
    return new Map(keys.filter(([, key]) => key !== ''))
  }

  /** Of these people, those whom a person has a direct conversation with. */
  async partnersAmong(userId: string, others: readonly string[]): Promise<Partner[]> {
    const keys = others.map((other) => directKeyOf(userId, other))
    const found = await this.#conversations.find({ directKey: { $in: keys } }, { members: 1, createdAt: 1 }).lean()
    return found.flatMap(({ _id, members, createdAt }) =>
      members.flatMap((member, n) =>
        member.userId.toHexString() === userId
          ? []
          : [{ userId: member.userId.toHexString(), conversationId: _id.toHexString(), began: n === 0, since: createdAt }],
      ),
    )
  }
}
