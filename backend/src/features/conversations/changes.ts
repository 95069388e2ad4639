import { setTimeout as sleep } from 'node:timers/promises'
import type { Model } from 'mongoose'
import type { Caller } from '../../http/endpoint.js'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import { KeyedQueue } from '../../platform/keyed-queue.js'
import { isWriteConflict } from '../../platform/write-conflict.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import type { Change, Situation } from './change.js'
import { memberOf } from './member-changes.js'
import { type ConversationDocument, type Left, leftKeptMs, type Member, mostLeftKept } from './model.js'

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
const untoldRetryAfterSeconds = 15

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
   * @param decide returns what becomes of it, undefined for nothing, or throws; may be asked again
   * @throws Problem not_found where the caller is no member, conflict for a direct conversation, service_unavailable where too many change it at once
   */
  async apply(caller: Caller, conversationId: string, decide: (situation: Situation) => Change | undefined): Promise<Changed> {
    const applying = this.#queue.run(conversationId, () => this.#apply(caller, conversationId, decide))
    if (!applying) throw tooMany()
    return applying
  }

  async #apply(caller: Caller, conversationId: string, decide: (situation: Situation) => Change | undefined): Promise<Changed> {
    for (let tried = 0; tried < mostTries; tried++) {
      if (tried > 0) await sleep(Math.random() * Math.min(mostPauseMs, 5 * tried))
      const conversation = await this.#read(caller, conversationId)
      const actor = memberOf(conversation, caller.userId)
      if (!actor) throw new Problem('not_found')
      if (conversation.type === 'direct') throw new Problem('conflict', 'A direct conversation stays as it is, with its two members')
      const at = new Date()
      const change = decide({ conversation, actor, at })
      if (!change) return { before: conversation, conversation, changed: false }
      if (!change.set.deletedAt && (conversation.outbox?.length ?? 0) >= mostUntold) throw tooMany()
      const written = await this.#write(caller, conversation, change, at)
      if (written) return { before: conversation, conversation: written, changed: true }
    }
    throw tooMany()
  }

  async #read(caller: Caller, conversationId: string): Promise<ConversationDocument> {
    const conversation = await this.#deps.conversations
      .findOne({ _id: toObjectId(conversationId), 'members.userId': toObjectId(caller.userId) })
      .select('+left')
      .read('primary')
      .lean()
    if (!conversation) throw new Problem('not_found')
    return conversation
  }

  /** @returns null where somebody else changed it meanwhile */
  async #write({ userId }: Caller, before: ConversationDocument, { set, events }: Change, at: Date): Promise<ConversationDocument | null> {
    const { _id, version } = before
    const said = { by: userId, version: String(version + 1) }
    const outbox = events.map(({ type, data }) => outboxEntry(this.#deps.worker, type, at, { ...data, ...said }))
    try {
      return await this.#deps.conversations
        .findOneAndUpdate(
          { _id, version },
          {
            $set: { ...set, ...(set.members && { left: leftOf(before, set.members, at) }) },
            $inc: { version: 1 },
            $currentDate: { changedAt: true },
            $push: { outbox: { $each: outbox } },
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

/** Who is known to have left, once these are the members. */
const leftOf = ({ members: before, left = [] }: ConversationDocument, members: readonly Member[], at: Date): Left[] => {
  const present = new Set(members.map(({ userId }) => userId.toHexString()))
  const kept = left.filter((one) => at.getTime() - one.at.getTime() < leftKeptMs)
  const gone = before.map(({ userId }) => ({ userId, at }))
  return [...kept, ...gone].filter(({ userId }) => !present.has(userId.toHexString())).slice(-mostLeftKept)
}
