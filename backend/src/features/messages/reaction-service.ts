import type { Model } from 'mongoose'
import type { Caller } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import type { Blocks } from '../blocks/index.js'
import type { Activity, Memberships } from '../conversations/index.js'
import { apart } from './apart.js'
import type { MessageDocument } from './model.js'
import { NewestFirst } from './newest-first.js'
import { hasReacted, requireCalm, requireRoom } from './reactions.js'
import { requireReactable } from './rules.js'
import type { MessageService } from './service.js'
import { storeReaction, storeWithdrawal } from './store-reaction.js'
import { whileOthersWrite } from './while-others-write.js'

interface Dependencies {
  readonly stored: Model<MessageDocument>
  readonly messages: Pick<MessageService, 'get'>
  readonly memberships: Pick<Memberships, 'placeOf'>
  readonly blocks: Pick<Blocks, 'between'>
  readonly outbox: Pick<Outbox, 'publishAndWait'>
  readonly source: OutboxSource
  readonly activity: Pick<Activity, 'note'>
  /** This worker's name in outboxes. */
  readonly worker: string
}

/** Emoji that members put to messages: each one's each emoji once (docs/adr/0008-reactions.md). */
export class ReactionService {
  readonly #deps: Dependencies
  readonly #teller: NewestFirst
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#teller = new NewestFirst((message) => deps.outbox.publishAndWait(deps.source, message))
  }

  /**
   * Adds the caller's reaction and tells the members; again changes nothing. @param emoji fully-qualified
   * @throws Problem not_found where the caller may not know the message, forbidden (see rules.ts, and where one of two has blocked the other),
   * conflict where it is deleted or has as many reactions as it may, rate_limited and service_unavailable (see reactions.ts)
   */
  add(caller: Caller, messageId: string, emoji: string): Promise<MessageDocument> {
    const { userId } = caller
    return this.#change(caller, messageId, async (current) => {
      requireReactable(current, caller)
      if (hasReacted(current, userId, emoji)) return current
      if (await this.#isApart(caller, current)) throw apart()
      requireRoom(current, userId, emoji)
      requireCalm(current, userId)
      return storeReaction(this.#deps.stored, current, { userId, emoji }, this.#entry('reaction.added'))
    })
  }

  /** Takes the caller's reaction back and tells the members; what is not there needs no taking. @throws Problem not_found, rate_limited, service_unavailable */
  remove(caller: Caller, messageId: string, emoji: string): Promise<MessageDocument> {
    const { userId } = caller
    return this.#change(caller, messageId, async (current) => {
      if (!hasReacted(current, userId, emoji)) return current
      requireCalm(current, userId)
      return storeWithdrawal(this.#deps.stored, current, { userId, emoji }, this.#entry('reaction.removed'))
    })
  }

  /** Resolves when what was changed is told, or left to be tried again. */
  async settled(): Promise<void> {
    await this.#teller.settled()
  }

  async #change(
    caller: Caller,
    messageId: string,
    attempt: (current: MessageDocument) => Promise<MessageDocument | null>,
  ): Promise<MessageDocument> {
    const message = await whileOthersWrite(async () => attempt(await this.#deps.messages.get(caller, messageId)))
    if (!message.outbox) return message
    this.#deps.activity.note({ conversationId: message.conversationId })
    this.#teller.publish(message)
    return message
  }

  #entry(type: 'reaction.added' | 'reaction.removed') {
    return outboxEntry(this.#deps.worker, type, new Date())
  }

  async #isApart({ userId }: Caller, { conversationId }: MessageDocument): Promise<boolean> {
    const place = await this.#deps.memberships.placeOf(userId, conversationId.toHexString())
    if (!place) throw new Problem('not_found')
    return place.partner !== undefined && this.#deps.blocks.between(userId, place.partner)
  }
}
