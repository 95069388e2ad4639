import { LRUCache } from 'lru-cache'
import type { Model, Types } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { Hub } from '../../realtime/hub.js'
import type { Membership } from '../../realtime/resume.js'
import { type ConversationDocument, type Member, settingsOf } from './model.js'
import { rolesThatMay } from './permissions.js'

/** How long a worker believes that somebody is a member while it hears who leaves; a refusal is never remembered. */
const heardTtlMs = 60_000
/** The same while it may not hear it. */
const unheardTtlMs = 1000
const mostCached = 50_000

/** A member's, in a conversation. */
export interface Place {
  /** The other one of a direct conversation. */
  readonly partner?: string
  /** What is before it does not exist for this member; 1 for who sees all. */
  readonly firstSeq: number
  /** After how long what is sent now disappears; absent: it stays. */
  readonly disappearAfterSeconds?: number
}

/** Of a conversation, as a member sees it. */
export interface Beginning {
  readonly conversationId: Types.ObjectId
  readonly firstSeq: number
}

/** Of a conversation, as a member sees it. */
export interface Beginning {
  readonly conversationId: Types.ObjectId
  readonly firstSeq: number
}

interface Known {
  readonly place: Place
  readonly at: number
  /** What the hub heard when this was read; see `Hub.hearing`. */
  readonly hearing: number | undefined
}

/** Who is in which conversation: the question before every read and write. */
export class Memberships {
  readonly #conversations: Model<ConversationDocument>
  readonly #hub: Pick<Hub, 'hearing'>
  readonly #known = new LRUCache<string, Known>({ max: mostCached, ttl: heardTtlMs })
  #forgotten = 0
  constructor(deps: { conversations: Model<ConversationDocument>; hub: Pick<Hub, 'on' | 'askMembership' | 'hearing'> }) {
    this.#hub = deps.hub
    this.#conversations = deps.conversations
    deps.hub.askMembership((userId, conversationId) => this.#isStored(userId, conversationId))
    deps.hub.on('settings', (conversationId) => this.forgetAllOf(conversationId))
    deps.hub.on('left', ({ conversationId, userIds }) => this.forget(conversationId, userIds))
  }

  async isMember(userId: string, conversationId: string): Promise<boolean> {
    return (await this.placeOf(userId, conversationId)) !== undefined
  }

  /** Undefined for who is no member. */
  async placeOf(userId: string, conversationId: string): Promise<Place | undefined> {
    const key = keyOf(conversationId, userId)
    const known = this.#known.get(key)
    if (known && this.#isBelieved(known)) return known.place
    const asked = { at: performance.now(), hearing: this.#hub.hearing }
    const before = this.#forgotten
    const found = await this.#conversations
      .findOne(
        { _id: toObjectId(conversationId), 'members.userId': toObjectId(userId) },
        { directKey: 1, settings: 1, members: { $elemMatch: { userId: toObjectId(userId) } } },
      )
      .lean()
    if (!found) return undefined
    const partner = found.directKey?.split(':').find((id) => id !== userId)
    const { disappearAfterSeconds } = settingsOf(found)
    const place = {
      firstSeq: found.members[0]?.firstSeq ?? 1,
      ...(partner !== undefined && { partner }),
      ...(disappearAfterSeconds !== null && { disappearAfterSeconds }),
    }
    // Somebody who left while this was read may be the one who was found.
    if (before === this.#forgotten) this.#known.set(key, { place, ...asked })
    return place
  }

  /** What was read before a gap in what is heard is worth no more than what is not heard at all. */
  #isBelieved({ at, hearing: then }: Known): boolean {
    const { hearing } = this.#hub
    return (hearing !== undefined && hearing === then) || performance.now() - at < unheardTtlMs
  }

  async #isStored(userId: string, conversationId: string): Promise<boolean> {
    const member = { _id: toObjectId(conversationId), 'members.userId': toObjectId(userId) }
    return (await this.#conversations.exists(member).read('primary')) !== null
  }

  /** Whether all of them are members. Asked anew each time. */
  async areMembers(userIds: readonly string[], conversationId: string): Promise<boolean> {
    const all = { _id: toObjectId(conversationId), 'members.userId': { $all: userIds.map(toObjectId) } }
    return (await this.#conversations.exists(all).read('primary')) !== null
  }

  /** True for who may delete others' messages in a group. Asked anew each time. */
  async moderates(userId: string, conversationId: string): Promise<boolean> {
    const members = { $elemMatch: { userId: toObjectId(userId), role: { $in: rolesThatMay('deleteMessages') } } }
    return (await this.#conversations.exists({ _id: toObjectId(conversationId), type: 'group', members }).read('primary')) !== null
  }

  /** What is before it is hidden from some member of a conversation; 1 where all see all. */
  async hiddenBefore(conversationId: string): Promise<number> {
    const conversation = await this.#conversations.findById(toObjectId(conversationId), { 'members.firstSeq': 1 }).read('primary').lean()
    return Math.max(1, ...(conversation?.members ?? []).map(({ firstSeq = 1 }) => firstSeq))
  }

  /** Everyone in a conversation; nobody where there is none. */
  async inConversation(conversationId: string): Promise<Member[]> {
    const conversation = await this.#conversations.findById(toObjectId(conversationId), { members: 1 }).lean()
    return conversation?.members ?? []
  }

  /** Where a person is: the conversations of newest activity, and where each begins for them; from the primary. */
  async placesOf(userId: string, most: number): Promise<Beginning[]> {
    const id = toObjectId(userId)
    const conversations = await this.#conversations
      .find({ 'members.userId': id }, { members: { $elemMatch: { userId: id } } })
      .sort({ lastMessageAt: -1, _id: -1 })
      .limit(most)
      .read('primary')
      .lean()
    return conversations.map(({ _id, members }) => ({ conversationId: _id, firstSeq: members[0]?.firstSeq ?? 1 }))
  }

  /** Who has a direct conversation with a person, and since when; newest activity first. */
  async partnersOf(userId: string, most: number): Promise<{ userId: string; since: Date }[]> {
    const conversations = await this.#conversations
      .find({ 'members.userId': toObjectId(userId), type: 'direct' }, { members: 1, createdAt: 1 })
      .sort({ lastMessageAt: -1, _id: -1 })
      .limit(most)
      .lean()
    const people = conversations.flatMap(({ members, createdAt }) =>
      members.map((member) => ({ userId: member.userId.toHexString(), since: createdAt })),
    )
    return people.filter((person) => person.userId !== userId)
  }

  /** Some of the groups that a person is in, from the primary. */
  async groupsOf(userId: string, most: number): Promise<string[]> {
    const groups = await this.#conversations
      .find({ 'members.userId': toObjectId(userId), type: 'group' }, { _id: 1 })
      .limit(most)
      .read('primary')
      .lean()
    return groups.map(({ _id }) => _id.toHexString())
  }

  /** To be called when people have left, or were sent away. */
  forget(conversationId: string, userIds: readonly string[]): void {
    this.#forgotten += 1
    for (const userId of userIds) this.#known.delete(keyOf(conversationId, userId))
  }

  /** To be called when what holds for all members has changed: it is rare, and looks at all that is known. */
  forgetAllOf(conversationId: string): void {
    this.#forgotten += 1
    const prefix = keyOf(conversationId, '')
    const keys = [...this.#known.keys()].filter((key) => key.startsWith(prefix))
    for (const key of keys) this.#known.delete(key)
  }

  /** The conversations a person is in, and since when; from the primary. */
  async of(userId: string): Promise<Membership[]> {
    const id = toObjectId(userId)
    const conversations = await this.#conversations
      .find({ 'members.userId': id }, { version: 1, members: { $elemMatch: { userId: id } } })
      .read('primary')
      .lean()
    return conversations.flatMap(({ _id, version, members }) =>
      members.map(({ joinedAt }) => ({ conversationId: _id.toHexString(), joinedAt, version })),
    )
  }
}

const keyOf = (conversationId: string, userId: string): string => `${conversationId}:${userId}`
