import { LRUCache } from 'lru-cache'
import type { Model } from 'mongoose'
import type { Hub } from '../../realtime/hub.js'
import { directKeyOf } from '../conversations/index.js'
import type { BlockDocument } from './model.js'

/** How long a worker may believe what it was told of a pair, whatever it hears or misses. */
const cacheTtlMs = 1000
const mostCached = 50_000

/** Who is kept apart from whom: asked before anything goes from one to another. */
export class Blocks {
  readonly #blocks: Model<BlockDocument>
  /** By pair: the ids of those who have blocked the other. */
  readonly #known = new LRUCache<string, readonly string[]>({ max: mostCached, ttl: cacheTtlMs })
  #forgotten = 0
  constructor(deps: { readonly blocks: Model<BlockDocument>; readonly hub: Pick<Hub, 'on'> }) {
    this.#blocks = deps.blocks
    deps.hub.on('blocked', ({ userIds: [one, other] }) => this.forget(one, other))
  }

  /** True where either has blocked the other. Within a second it is what is stored, at every worker. */
  async between(one: string, other: string): Promise<boolean> {
    return (await this.#blockersIn(one, other)).length > 0
  }

  async hasBlocked(blockerId: string, blockedId: string): Promise<boolean> {
    return (await this.#blockersIn(blockerId, blockedId)).includes(blockerId)
  }

  /** Of these people, those who have blocked a person, and those whom the person has blocked. Asked anew each time. */
  async around(userId: string, others: readonly string[]): Promise<{ blockers: Set<string>; blocked: Set<string> }> {
    const found = await this.#find(others.map((other) => directKeyOf(userId, other)))
    const [by, of] = [found.filter(({ blockerId }) => blockerId !== userId), found.filter(({ blockerId }) => blockerId === userId)]
    return { blockers: new Set(by.map(({ blockerId }) => blockerId)), blocked: new Set(of.map(({ blockedId }) => blockedId)) }
  }

  /** Those of these people who are not kept apart from a person, whoever of the two wants it so; in the same order. */
  async without(userId: string, others: readonly string[]): Promise<string[]> {
    if (others.length === 0) return []
    const { blockers, blocked } = await this.around(userId, others)
    return others.filter((other) => !blockers.has(other) && !blocked.has(other))
  }

  /** Of these pairs (see `directKeyOf`), those of whom one has blocked the other. */
  async amongPairs(pairs: readonly string[]): Promise<Set<string>> {
    if (pairs.length === 0) return new Set()
    return new Set((await this.#find(pairs)).map(({ pair }) => pair))
  }

  /** To be called when one of two has blocked the other, or does not any more. */
  forget(one: string, other: string): void {
    this.#forgotten += 1
    this.#known.delete(directKeyOf(one, other))
  }

  async #blockersIn(one: string, other: string): Promise<readonly string[]> {
    const pair = directKeyOf(one, other)
    const known = this.#known.get(pair)
    if (known) return known
    const before = this.#forgotten
    const blockers = (await this.#find([pair])).map(({ blockerId }) => blockerId)
    if (before === this.#forgotten) this.#known.set(pair, blockers) // else it may have changed while it was read
    return blockers
  }

  async #find(pairs: readonly string[]): Promise<{ pair: string; blockerId: string; blockedId: string }[]> {
    const found = await this.#blocks
      .find({ pair: { $in: pairs }, active: true }, { pair: 1, blockerId: 1, blockedId: 1 })
      .read('primary')
      .lean()
    return found.map(({ pair, blockerId, blockedId }) => ({ pair, blockerId: blockerId.toHexString(), blockedId: blockedId.toHexString() }))
  }
}
