import type { Model } from 'mongoose'
import type { Caller } from '../../http/endpoint.js'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import type { Blocks } from '../blocks/index.js'
import type { UploadUses } from '../uploads/index.js'
import type { UserService } from '../users/index.js'
import type { Changes } from './changes.js'
import { deleting, editing } from './conversation-changes.js'
import { directKeyOf } from './direct-key.js'
import type { Gone } from './gone.js'
import type { Memberships } from './memberships.js'
import { type ConversationDocument, type Role, settingsOf } from './model.js'
import { hiding } from './own-changes.js'
import type { CreateConversation, EditConversation } from './schema.js'
import { recipientsOf } from './told-data.js'

interface Dependencies {
  readonly conversations: Model<ConversationDocument>
  readonly users: UserService
  readonly blocks: Blocks
  readonly changes: Changes
  readonly memberships: Memberships
  readonly uploads: Pick<UploadUses, 'useAsAvatar' | 'detached'>
  readonly outbox: Outbox
  readonly source: OutboxSource
  readonly gone: Gone
  /** The seq of a conversation's newest message, as a majority of the database has it. */
  readonly headOf: (conversationId: string) => Promise<number>
  /** This worker's name in outboxes. */
  readonly worker: string
}

export class ConversationService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Begins a conversation and tells its members; of a pair that has one already, returns that. @param newId its id; what has it already is returned
   * @throws Problem not_found for a direct one with nobody or one who has blocked the caller, forbidden with one whom the caller has blocked,
   * validation_failed for a group with oneself, unknown people or those who have blocked the caller
   */
  async create(
    caller: Caller,
    input: CreateConversation,
    newId: string,
  ): Promise<{ conversation: ConversationDocument; created: boolean }> {
    return input.type === 'direct' ? this.#createDirect(caller, input.userId, newId) : this.#createGroup(caller, input, newId)
  }

  /** @throws Problem not_found where the caller is no member (whether or not the conversation exists) */
  async get(caller: Caller, conversationId: string): Promise<ConversationDocument> {
    const conversation = await this.#deps.conversations
      .findOne({ _id: toObjectId(conversationId), 'members.userId': toObjectId(caller.userId) })
      .lean()
    if (!conversation) throw new Problem('not_found')
    return conversation
  }

  /** @throws Problem not_found, forbidden, conflict for a direct conversation, validation_failed for an avatar that is not one's own */
  async edit(caller: Caller, conversationId: string, input: EditConversation): Promise<ConversationDocument> {
    const { changes, memberships, uploads, outbox, source } = this.#deps
    await this.#requireAvatar(caller, conversationId, input.avatarUploadId)
    const { before, conversation, changed } = await changes.applyOwn(caller, conversationId, editing(input))
    if (!changed) return conversation
    const former = before.avatarUploadId
    if (former && !conversation.avatarUploadId?.equals(former)) await uploads.detached([former.toHexString()])
    const isForMessages = settingsOf(before).disappearAfterSeconds !== settingsOf(conversation).disappearAfterSeconds
    memberships.forgetAllOf(conversationId)
    if (isForMessages)
      await outbox.publishAndWait(source, conversation) // what is sent from now on goes by it, at other workers too
    else outbox.publish(source, [conversation])
    return conversation
  }

  /**
   * Ends a group for all: once this has returned nobody hears more of it. A direct conversation leaves the caller's own list, until a message comes.
   * @throws Problem not_found, forbidden, service_unavailable where it is done and cannot be told: ask again
   */
  async delete(caller: Caller, conversationId: string): Promise<void> {
    const { changes, memberships, uploads, gone, outbox, source, headOf } = this.#deps
    const head = await headOf(conversationId)
    const { before, conversation, changed } = await gone.toldFirst(conversationId, caller.userId, () =>
      changes.applyOwn(caller, conversationId, (situation) =>
        situation.conversation.type === 'direct' ? hiding(head)(situation) : deleting(situation),
      ),
    )
    if (conversation.type === 'direct') {
      if (changed) outbox.publish(source, [conversation])
      return
    }
    memberships.forget(
      conversationId,
      before.members.map(({ userId }) => userId.toHexString()),
    )
    if (before.avatarUploadId) await uploads.detached([before.avatarUploadId.toHexString()])
    await gone.tell(conversation)
  }

  /** Who may not see the group marks nothing; who may not edit it is refused by the change. */
  async #requireAvatar(caller: Caller, conversationId: string, uploadId: string | null | undefined): Promise<void> {
    if (!uploadId) return
    const conversation = await this.get(caller, conversationId)
    const isTheirs = conversation.avatarUploadId?.toHexString() === uploadId // somebody else of the group may have chosen it
    if (isTheirs || (await this.#deps.uploads.useAsAvatar(caller.userId, uploadId, conversationId))) return
    throw invalid('body.avatarUploadId', 'there is no such upload of yours')
  }

  async #createDirect(caller: Caller, userId: string, newId: string): Promise<{ conversation: ConversationDocument; created: boolean }> {
    if (userId === caller.userId) throw invalid('body.userId', 'oneself')
    const directKey = directKeyOf(caller.userId, userId)
    const existing = await this.#deps.conversations.findOne({ directKey }).lean()
    if (existing) return { conversation: existing, created: false }
    const { blockers, blocked } = await this.#deps.blocks.around(caller.userId, [userId])
    if (blockers.has(userId) || (await this.#deps.users.unknownAmong([userId])).length > 0) {
      throw new Problem('not_found', 'There is no such person')
    }
    if (blocked.has(userId)) throw new Problem('forbidden', 'You have blocked this person')
    try {
      return { conversation: await this.#insert(newId, 'direct', null, [caller.userId, userId], 'member', directKey), created: true }
    } catch (error) {
      const first = await this.#deps.conversations.findOne({ directKey }).lean()
      if (!first) throw error
      return { conversation: first, created: false } // the other one began it at the same moment
    }
  }

  async #createGroup(
    caller: Caller,
    { name, memberIds }: Extract<CreateConversation, { type: 'group' }>,
    newId: string,
  ): Promise<{ conversation: ConversationDocument; created: boolean }> {
    if (memberIds.includes(caller.userId)) throw invalid('body.memberIds', 'oneself is a member anyway')
    const { blockers } = await this.#deps.blocks.around(caller.userId, memberIds)
    const unknown = new Set([...(await this.#deps.users.unknownAmong(memberIds)), ...blockers])
    if (unknown.size > 0) throw invalid(`body.memberIds.${memberIds.findIndex((id) => unknown.has(id))}`, 'there is no such person')
    return { conversation: await this.#insert(newId, 'group', name, [caller.userId, ...memberIds], 'owner'), created: true }
  }

  async #insert(
    newId: string,
    type: 'direct' | 'group',
    name: string | null,
    userIds: readonly string[],
    firstRole: Role,
    directKey?: string,
  ): Promise<ConversationDocument> {
    const now = new Date()
    const members = userIds.map((userId, n) => ({
      userId: toObjectId(userId),
      role: n === 0 ? firstRole : ('member' as const),
      joinedAt: now,
      joinedSeq: 0,
    }))
    const conversation = {
      type,
      name,
      description: null,
      ...(directKey === undefined ? {} : { directKey }),
      members,
      lastSeq: 0,
      lastMessageAt: now,
      createdAt: now,
      version: 1,
      outbox: [outboxEntry(this.#deps.worker, 'conversation.created', now, recipientsOf(members))],
    }
    const stored = await this.#deps.conversations
      .findOneAndUpdate(
        { _id: toObjectId(newId) },
        { $setOnInsert: conversation, $currentDate: { changedAt: true } }, // an insert cannot ask for the database's time
        { upsert: true, returnDocument: 'after' },
      )
      .lean()
    if (!stored) throw new Error('What was stored is there')
    this.#deps.outbox.publish(this.#deps.source, [stored]) // the sweeper publishes it if this worker dies first
    return stored
  }
}

const invalid = (path: string, message: string): Problem => new Problem('validation_failed', undefined, { errors: [{ path, message }] })
