import type { Model, QueryFilter } from 'mongoose'
import { z } from 'zod'
import type { Caller } from '../../http/endpoint.js'
import { Id, toObjectId } from '../../http/ids.js'
import { decodeCursor, encodeCursor } from '../../http/page.js'
import { Problem } from '../../http/problem.js'
import { isDuplicateKey } from '../../platform/duplicate-key.js'
import { isWriteConflict } from '../../platform/write-conflict.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import { directKeyOf } from '../conversations/index.js'
import type { UserService } from '../users/index.js'
import type { Blocks } from './blocks.js'
import type { BlockDocument } from './model.js'

interface Dependencies {
  readonly documents: Model<BlockDocument>
  readonly blocks: Blocks
  readonly users: Pick<UserService, 'unknownAmong'>
  readonly outbox: Outbox
  readonly source: OutboxSource
  /** This worker's name in outboxes. */
  readonly worker: string
}

/** With those that were lifted within a day: who blocks and lifts in turns is bounded as well. */
const mostBlocks = 10_000
/** Longer than an outbox keeps what was told. */
const liftedKeptMs = 86_400_000
const mostAttempts = 5
/** The newest say what is so now. */
const mostUntold = 20

const Position = z.tuple([z.iso.datetime(), Id])

export class BlockService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Keeps another away from the caller; every worker knows it once this returns, or after a second where Redis is away.
   * @returns false where it was so already
   * @throws Problem not_found where there is no such person, validation_failed for oneself, conflict past 10,000
   */
  async block(caller: Caller, userId: string): Promise<boolean> {
    const { documents, users } = this.#deps
    if (userId === caller.userId) {
      throw new Problem('validation_failed', undefined, { errors: [{ path: 'params.userId', message: 'oneself' }] })
    }
    const way = wayOf(caller, userId)
    if (await documents.exists({ ...way, active: true })) return false
    if ((await users.unknownAmong([userId])).length > 0) throw new Problem('not_found', 'There is no such person')
    const count = await documents.countDocuments({ blockerId: way.blockerId }, { limit: mostBlocks })
    if (count >= mostBlocks) throw new Problem('conflict', `You can block ${mostBlocks} people at most`)
    return this.#change(caller, userId, true)
  }

  /** Lifts a block. @returns false where there was none */
  async unblock(caller: Caller, userId: string): Promise<boolean> {
    const lifted = await this.#change(caller, userId, false)
    if (lifted) await this.#removeOld(caller)
    return lifted
  }

  /** Whom the caller has blocked, the latest first. @throws Problem validation_failed for a bad cursor */
  async list(
    caller: Caller,
    page: { cursor?: string | undefined; limit: number },
  ): Promise<{ items: BlockDocument[]; nextCursor: string | null }> {
    const filter: QueryFilter<BlockDocument> = { blockerId: toObjectId(caller.userId), active: true }
    if (page.cursor !== undefined) {
      const [at, id] = decodeCursor(Position, page.cursor)
      filter.createdAt = { $lte: new Date(at) }
      filter.$nor = [{ createdAt: new Date(at), _id: { $gte: toObjectId(id) } }] // not $or: DocumentDB reads that in no order
    }
    const found = await this.#deps.documents
      .find(filter)
      .sort({ createdAt: -1, _id: -1 })
      .hint('blocker_created') // a planner without statistics sorts them instead
      .limit(page.limit + 1)
      .lean()
    const items = found.slice(0, page.limit)
    const last = found.length > page.limit ? items.at(-1) : undefined
    const position: z.infer<typeof Position> | undefined = last && [last.createdAt.toISOString(), last._id.toHexString()]
    return { items, nextCursor: position ? encodeCursor(position) : null }
  }

  /** Removes all that a person has blocked: they are gone. Who has blocked them keeps that. */
  async forgetOf(userId: string): Promise<void> {
    await this.#deps.documents.deleteMany({ blockerId: toObjectId(userId) })
  }

  /** Stores and tells it, where it is not so already. What is told of a pair is in the order in which it was stored. */
  async #change(caller: Caller, userId: string, active: boolean): Promise<boolean> {
    const { blocks, outbox, source } = this.#deps
    const stored = await this.#store(caller, userId, active)
    if (!stored) return false
    blocks.forget(caller.userId, userId)
    await outbox.publishAndWait(source, stored)
    return true
  }

  /** @returns null where it is so already */
  async #store(caller: Caller, userId: string, active: boolean): Promise<BlockDocument | null> {
    const { documents, worker } = this.#deps
    const at = new Date()
    const entry = outboxEntry(worker, 'block.updated', at, { blocked: String(active) })
    const times = active ? { $set: { active, createdAt: at }, $unset: { liftedAt: '' as const } } : { $set: { active, liftedAt: at } }
    for (let attempt = 1; ; attempt++) {
      try {
        return await documents
          .findOneAndUpdate(
            { ...wayOf(caller, userId), active: !active },
            {
              ...times,
              $setOnInsert: { pair: directKeyOf(caller.userId, userId) },
              $push: { outbox: { $each: [entry], $slice: -mostUntold } },
            },
            { upsert: active, returnDocument: 'after' },
          )
          .lean()
      } catch (error) {
        if (isDuplicateKey(error)) return null // another device was first
        if (!isWriteConflict(error) || attempt === mostAttempts) throw error
      }
    }
  }

  /** A block that was lifted is gone once that is told for long. */
  async #removeOld(caller: Caller): Promise<void> {
    const liftedAt = { $lt: new Date(Date.now() - liftedKeptMs) }
    await this.#deps.documents.deleteMany({
      blockerId: toObjectId(caller.userId),
      active: false,
      liftedAt,
      outbox: { $exists: false },
    })
  }
}

const wayOf = ({ userId }: Caller, other: string) => ({ blockerId: toObjectId(userId), blockedId: toObjectId(other) })
