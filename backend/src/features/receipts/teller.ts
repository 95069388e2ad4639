import { setTimeout as sleep } from 'node:timers/promises'
import type { mongo } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { Logger } from '../../platform/logger.js'
import { Pump } from '../../platform/pump.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import type { ReceiptDocument } from './model.js'
import { type MemberKey, Pace } from './pace.js'

interface Dependencies {
  readonly collection: () => mongo.Collection<ReceiptDocument>
  readonly outbox: Outbox
  readonly source: OutboxSource
  /** This worker's name in outboxes: what another one wrote since is told by that one. */
  readonly worker: string
  readonly logger: Logger
}

const turnMs = 50
const mostInOneRead = 500

/** Tells of watermarks that rose, in their pace: each time what is stored then, so that a change that was overtaken costs nothing. */
export class ReceiptTeller {
  readonly #deps: Dependencies
  readonly #pace = new Pace()
  readonly #pump = new Pump(
    () => this.#pace.waiting > 0,
    () => this.#turn(),
  )
  #settling = false
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  note(members: readonly MemberKey[]): void {
    const now = Date.now()
    for (const member of members) this.#pace.note(member, now)
    this.#pump.wake()
  }

  /** Tells at once what waits. Resolves when nothing does any more. */
  async settled(): Promise<void> {
    this.#settling = true
    await this.#pump.settled()
  }

  async #turn(): Promise<void> {
    const due = this.#pace.due(Date.now(), this.#settling)
    if (due.length === 0) await sleep(turnMs)
    for (let n = 0; n < due.length; n += mostInOneRead) await this.#tell(due.slice(n, n + mostInOneRead))
  }

  async #tell(members: readonly MemberKey[]): Promise<void> {
    const { collection, outbox, source, worker, logger } = this.#deps
    try {
      const receipts = await collection()
        .find({ $or: branchesOf(members), 'outbox.worker': worker }, { readPreference: 'primary' })
        .toArray()
      outbox.publish(source, receipts)
    } catch (error) {
      logger.warn({ err: error, members: members.length }, 'receipts were not told yet')
      if (!this.#settling) this.note(members) // else another worker finds them
    }
  }
}

const branchesOf = (members: readonly MemberKey[]) => {
  const byConversation = new Map<string, string[]>()
  for (const { conversationId, userId } of members)
    byConversation.set(conversationId, [...(byConversation.get(conversationId) ?? []), userId])
  return [...byConversation].map(([conversationId, userIds]) => ({
    conversationId: toObjectId(conversationId),
    userId: { $in: userIds.map(toObjectId) },
  }))
}
