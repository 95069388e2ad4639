import type { Model, Types } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import type { SessionDocument } from './model.js'
import type { RevocationReason } from './reasons.js'
import type { RevokedSessions } from './revoked-sessions.js'

interface Dependencies {
  readonly sessions: Model<SessionDocument>
  readonly revoked: RevokedSessions
  readonly outbox: Outbox
  readonly source: OutboxSource
  /** This worker's name in outboxes. */
  readonly worker: string
}

/** A revoked session's document stays at least so long: until its end is told, even after a day without Redis. */
const leastKeptMs = 86_400_000
const mostAtOnce = 500

/** Ends sessions before their time: in the database first, each with what must be told of it, then at every worker. */
export class Revocation {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @returns false where it is not this user's or has ended already; else true once it is published, or after 10 s, when it is on its way */
  async one(userId: string, sessionId: string, reason: RevocationReason): Promise<boolean> {
    const { sessions } = this.#deps
    const session = await sessions
      .findOneAndUpdate(
        { _id: toObjectId(sessionId), userId: toObjectId(userId), revokedAt: { $exists: false } },
        this.#change(new Date(), reason),
        { returnDocument: 'after' },
      )
      .lean()
    if (!session) return false
    await this.#tell([session])
    return true
  }

  /**
   * Ends all sessions that a user has, but for one where it is named.
   * @returns how many have ended, once that is published, or after 10 s, when it is on its way
   */
  async all(userId: string, { except, reason }: { except?: string; reason: RevocationReason }): Promise<number> {
    let ended = 0
    while (true) {
      const ids = await this.#living(userId, except)
      const revoked = await this.#revoke(ids, reason)
      await this.#tell(revoked)
      ended += revoked.length
      if (ids.length < mostAtOnce) return ended
    }
  }

  async #living(userId: string, except: string | undefined): Promise<Types.ObjectId[]> {
    const living = await this.#deps.sessions
      .find(
        {
          userId: toObjectId(userId),
          revokedAt: { $exists: false },
          ...(except !== undefined && { _id: { $ne: toObjectId(except) } }),
        },
        { _id: 1 },
      )
      .limit(mostAtOnce)
      .read('primary')
      .lean()
    return living.map(({ _id }) => _id)
  }

  /** @returns those that this call ended: another one may have been faster */
  async #revoke(ids: readonly Types.ObjectId[], reason: RevocationReason): Promise<SessionDocument[]> {
    if (ids.length === 0) return []
    const { sessions } = this.#deps
    const at = new Date()
    const changes = ids.map((_id) => ({ _id, change: this.#change(at, reason) }))
    await sessions.bulkWrite(
      changes.map(({ _id, change }) => ({ updateOne: { filter: { _id, revokedAt: { $exists: false } }, update: change } })),
      { ordered: false },
    )
    const eventIds = changes.map(({ change }) => change.$push.outbox.eventId)
    return sessions
      .find({ _id: { $in: ids }, 'outbox.eventId': { $in: eventIds } })
      .read('primary')
      .lean()
  }

  #change(revokedAt: Date, reason: RevocationReason) {
    const { worker, revoked } = this.#deps
    return {
      $set: { revokedAt },
      $max: { expiresAt: new Date(revokedAt.getTime() + Math.max(leastKeptMs, revoked.rememberedMs)) },
      $push: { outbox: outboxEntry(worker, 'session.revoked', revokedAt, { reason }) },
    }
  }

  async #tell(ended: readonly SessionDocument[]): Promise<void> {
    const { revoked, outbox, source } = this.#deps
    for (const { _id } of ended) revoked.note(_id.toHexString())
    await Promise.all(ended.map((session) => outbox.publishAndWait(source, session)))
  }
}
