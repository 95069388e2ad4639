import type { Model } from 'mongoose'
import type { Caller } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import { isDuplicateKey } from '../../platform/duplicate-key.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import type { Changes } from './changes.js'
import type { ConversationDocument } from './model.js'
import { settingOwn } from './own-changes.js'
import { mostPinned, pinOf, pinsOf } from './pins.js'
import type { OwnSettings as Input } from './schema.js'

interface Dependencies {
  readonly conversations: Model<ConversationDocument>
  readonly changes: Changes
  readonly outbox: Outbox
  readonly source: OutboxSource
  /** The seq of a conversation's newest message, as a majority of the database has it. */
  readonly headOf: (conversationId: string) => Promise<number>
}

/** What people make of a conversation for themselves: archived, pinned, muted. */
export class OwnSettings {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @throws Problem not_found, conflict past five pins, service_unavailable */
  async set(caller: Caller, conversationId: string, input: Input): Promise<ConversationDocument> {
    const { outbox, source } = this.#deps
    const head = await this.#deps.headOf(conversationId)
    const { conversation, changed } = await this.#apply(caller, conversationId, input, head)
    if (changed) outbox.publish(source, [conversation]) // the sweeper publishes it if this worker dies first
    return conversation
  }

  /** Takes a pin that is free: the index refuses one that another conversation got meanwhile. */
  async #apply(caller: Caller, conversationId: string, input: Input, head: number) {
    for (const slot of input.pinned ? await this.#freeSlots(caller) : [0]) {
      try {
        return await this.#deps.changes.applyOwn(caller, conversationId, settingOwn(input, { head, slot }))
      } catch (error) {
        if (!isDuplicateKey(error)) throw error
      }
    }
    // Pinned already, or too many.
    return this.#deps.changes.applyOwn(caller, conversationId, (situation) => {
      const change = settingOwn(input, { head, slot: mostPinned })(situation)
      if (change?.set.pins?.includes(pinOf(caller.userId, mostPinned))) throw tooMany()
      return change
    })
  }

  async #freeSlots({ userId }: Caller): Promise<number[]> {
    const pinned = await this.#deps.conversations
      .find({ pins: { $in: pinsOf(userId) } }, { pins: 1 })
      .read('primary')
      .lean()
    const taken = new Set(pinned.flatMap(({ pins = [] }) => pins))
    return Array.from({ length: mostPinned }, (_, slot) => slot).filter((slot) => !taken.has(pinOf(userId, slot)))
  }
}

const tooMany = (): Problem => new Problem('conflict', `You can pin ${mostPinned} conversations at most`)
