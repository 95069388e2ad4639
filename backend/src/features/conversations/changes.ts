import { setTimeout as sleep } from 'node:timers/promises'
import type { Model, QueryFilter } from 'mongoose'
import type { Caller } from '../../http/endpoint.js'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import { KeyedQueue } from '../../platform/keyed-queue.js'
import { isWriteConflict } from '../../platform/write-conflict.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import type { Change, Situation } from './change.js'
import { memberOf } from './member-changes.js'
import { type ConversationDocument, type Left, leftKeptMs, type Member, mostLeftKept } from './model.js'
import { isPinOf } from './pins.js'

interface Dependencies {
  readonly conversations: Model<ConversationDocument>
  /** This worker's name in outboxes. */
  readonly worker: string
}

interface Changed {
  readonly before: ConversationDocument
  readonly conversation: ConversationDocument
  /** False where there was nothing to change. */
  readonly changed: boolean
}

const mostTries = 12
const mostPauseMs = 40
const mostWaiting = 200
/** What a conversation may have to tell at once: every change publishes what is in its outbox before it. */
const mostUntold = 200
/** Of what people change for themselves: they leave room to those who run the group. */
const mostOwnUntold = 100
const untoldRetryAfterSeconds = 15

/** Returns what becomes of it, undefined for nothing, or throws; may be asked again. */
type Decide = (situation: Situation) => Change | undefined
type DecideInvited = (situation: Omit<Situation, 'actor'>) => Change | undefined

/**
 * Changes conversations. A change is decided by what the conversation is, in plain code, and written only if it still is that: the version in
 * the filter carries every rule at once. Of changes that meet, one is written and the others are decided anew.
 */
export class Changes {
  readonly #deps: Dependencies
  /** Changes at this worker wait for each other, so that only workers meet. */
  readonly #queue = new KeyedQueue({ mostWaiting })
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * @throws Problem not_found where the caller is no member, conflict for a direct conversation, service_unavailable where too many change it at once
   */
  async apply(caller: Caller, conversationId: string, decide: Decide): Promise<Changed> {
    return this.applyOwn(caller, conversationId, (situation) => {
      if (situation.conversation.type === 'direct')
        throw new Problem('conflict', 'A direct conversation stays as it is, with its two members')
      return decide(situation)
    })
  }

  /** As `apply`, of any conversation: for what a member changes for themselves. */
  async applyOwn(caller: Caller, conversationId: string, decide: Decide): Promise<Changed> {
    return this.#queued(caller, conversationId, { 'members.userId': toObjectId(caller.userId) }, (situation) => {
      const actor = memberOf(situation.conversation, caller.userId)
      if (!actor) throw new Problem('not_found')
      return decide({ ...situation, actor })
    })
  }

  /** As `apply`, by somebody who need not be a member: who holds the code of an invite. @throws Problem not_found where there is no such invite */
  async applyInvited(caller: Caller, conversationId: string, code: string, decide: DecideInvited): Promise<Changed> {
    return this.#queued(caller, conversationId, { 'invites.code': code, deletedAt: { $exists: false } }, decide)
  }

  async #queued(
    caller: Caller,
    conversationId: string,
    filter: QueryFilter<ConversationDocument>,
    decide: DecideInvited,
  ): Promise<Changed> {
    const applying = this.#queue.run(conversationId, () => this.#apply(caller, { _id: toObjectId(conversationId), ...filter }, decide))
    if (!applying) throw tooMany()
    return applying
  }

  async #apply(caller: Caller, filter: QueryFilter<ConversationDocument>, decide: DecideInvited): Promise<Changed> {
    for (let tried = 0; tried < mostTries; tried++) {
      if (tried > 0) await sleep(Math.random() * Math.min(mostPauseMs, 5 * tried))
      const conversation = await this.#read(filter)
      const at = new Date()
      const change = decide({ conversation, at })
      if (!change) return { before: conversation, conversation, changed: false }
      if (!change.set.deletedAt && (conversation.outbox?.length ?? 0) >= roomFor(change)) throw tooMany()
      const written = await this.#write(caller, conversation, change, at)
      if (written) return { before: conversation, conversation: written, changed: true }
    }
    throw tooMany()
  }

  async #read(filter: QueryFilter<ConversationDocument>): Promise<ConversationDocument> {
    const conversation = await this.#deps.conversations.findOne(filter).select('+left +invites').read('primary').lean()
    if (!conversation) throw new Problem('not_found')
    return conversation
  }

  /** @returns null where somebody else changed it meanwhile */
  async #write(
    { userId }: Caller,
    before: ConversationDocument,
    { set, unset, events }: Change,
    at: Date,
  ): Promise<ConversationDocument | null> {
    const { _id, version } = before
    const pins = pinsAfter(before, set)
    const { pins: _, ...fields } = set
    const said = { by: userId, version: String(version + 1) }
    const outbox = events.map(({ type, data }) => outboxEntry(this.#deps.worker, type, at, { ...data, ...said }))
    try {
      return await this.#deps.conversations
        .findOneAndUpdate(
          { _id, version },
          {
            $set: { ...fields, ...(set.members && { left: leftOf(before, set.members, at) }), ...(pins.length > 0 && { pins }) },
            $unset: { ...unset, ...(pins.length === 0 && { pins: '' as const }) }, // an empty array would be a key of the unique index
            $inc: { version: 1 },
            $currentDate: { changedAt: true },
            ...(outbox.length > 0 && { $push: { outbox: { $each: outbox } } }), // an empty one would be found as something to tell
          },
          { returnDocument: 'after' },
        )
        .lean()
    } catch (error) {
      if (isWriteConflict(error)) return null
      throw error
    }
  }
}

const tooMany = (): Problem =>
  new Problem('service_unavailable', 'Too many are changing this conversation right now', { retryAfterSeconds: untoldRetryAfterSeconds })

const roomFor = ({ events }: Change): number => (events.every(({ data }) => data['own'] === 'true') ? mostOwnUntold : mostUntold)

/** Who leaves takes their pin along. */
const pinsAfter = (before: ConversationDocument, { members = before.members, pins = before.pins ?? [] }: Change['set']): string[] =>
  pins.filter((pin) => members.some(({ userId }) => isPinOf(pin, userId.toHexString())))

/** Who is known to have left, once these are the members. */
const leftOf = ({ members: before, left = [] }: ConversationDocument, members: readonly Member[], at: Date): Left[] => {
  const present = new Set(members.map(({ userId }) => userId.toHexString()))
  const kept = left.filter((one) => at.getTime() - one.at.getTime() < leftKeptMs)
  const gone = before.map(({ userId }) => ({ userId, at }))
  return [...kept, ...gone].filter(({ userId }) => !present.has(userId.toHexString())).slice(-mostLeftKept)
}
