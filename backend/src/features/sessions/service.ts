import type { Model } from 'mongoose'
import type { Caller } from '../../http/endpoint.js'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import type { AccessTokens } from '../../platform/access-tokens.js'
import { hashOfToken, newToken } from '../../platform/random-tokens.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import type { UserDocument } from '../users/index.js'
import type { Device, SessionDocument } from './model.js'
import type { RevokedSessions } from './revoked-sessions.js'

interface Dependencies {
  readonly sessions: Model<SessionDocument>
  readonly accessTokens: AccessTokens
  readonly refreshTtlSeconds: number
  readonly revoked: RevokedSessions
  readonly outbox: Outbox
  readonly source: OutboxSource
  /** This worker's name in outboxes. */
  readonly worker: string
}

/** Why a session ended before its time. */
type RevocationReason = 'logout'

/** What a client needs to stay signed in. */
export interface Tokens {
  readonly accessToken: string
  /** Seconds. */
  readonly expiresIn: number
  readonly refreshToken: string
}

const refreshTokenBytes = 32
/** A revoked session's document stays at least so long: until its end is told, even after a day without Redis. */
const leastKeptMs = 86_400_000

export class SessionService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Begins a session for a user who has just proved who they are. */
  async open(
    { _id: userId, role }: Pick<UserDocument, '_id' | 'role'>,
    device: Device | null,
  ): Promise<Tokens & { session: SessionDocument }> {
    const refreshToken = newToken(refreshTokenBytes)
    const now = new Date()
    const created = await this.#deps.sessions.create({
      userId,
      ...(role && { role }),
      device,
      refreshHash: hashOfToken(refreshToken),
      createdAt: now,
      lastSeenAt: now,
      expiresAt: this.#expiry(now),
    })
    const session = created.toObject()
    return { ...this.#tokens(session, refreshToken), session }
  }

  /** Trades a refresh token, once, for a new pair. @throws Problem session_revoked, unauthenticated where it is not good (any more) */
  async refresh(refreshToken: string): Promise<Tokens> {
    const next = newToken(refreshTokenBytes)
    const refreshHash = hashOfToken(refreshToken)
    const now = new Date()
    const session = await this.#deps.sessions
      .findOneAndUpdate(
        { refreshHash, expiresAt: { $gt: now }, revokedAt: { $exists: false } },
        { $set: { refreshHash: hashOfToken(next), lastSeenAt: now, expiresAt: this.#expiry(now) } },
        { returnDocument: 'after' },
      )
      .lean()
    if (session) return this.#tokens(session, next)
    if (await this.#deps.sessions.exists({ refreshHash, revokedAt: { $exists: true } })) throw new Problem('session_revoked')
    throw new Problem('unauthenticated', 'The refresh token is not good')
  }

  /** When a session ends, from the primary. @throws Problem session_revoked where it has ended */
  async endOf({ userId, sessionId }: Caller): Promise<Date> {
    const session = await this.#deps.sessions
      .findOne({ _id: toObjectId(sessionId), userId: toObjectId(userId) }, { expiresAt: 1, revokedAt: 1 })
      .read('primary')
      .lean()
    if (!session || session.revokedAt !== undefined || session.expiresAt.getTime() <= Date.now()) throw new Problem('session_revoked')
    return session.expiresAt
  }

  /** Ends a session before its time and tells every worker; returns once that is published, or after 10 s, when it is on its way. */
  async revoke({ userId, sessionId }: Caller, reason: RevocationReason): Promise<void> {
    const { sessions, revoked, outbox, source, worker } = this.#deps
    const revokedAt = new Date()
    const keptUntil = new Date(revokedAt.getTime() + Math.max(leastKeptMs, revoked.rememberedMs))
    const session = await sessions
      .findOneAndUpdate(
        { _id: toObjectId(sessionId), userId: toObjectId(userId), revokedAt: { $exists: false } },
        {
          $set: { revokedAt },
          $max: { expiresAt: keptUntil },
          $push: { outbox: outboxEntry(worker, 'session.revoked', revokedAt, { reason }) },
        },
        { returnDocument: 'after' },
      )
      .lean()
    if (!session) return // it has ended already
    revoked.note(sessionId)
    await outbox.publishAndWait(source, session)
  }

  #tokens(session: SessionDocument, refreshToken: string): Tokens {
    const { accessTokens } = this.#deps
    const accessToken = accessTokens.sign({
      userId: session.userId.toHexString(),
      sessionId: session._id.toHexString(),
      ...(session.role && { role: session.role }),
    })
    return { accessToken, expiresIn: accessTokens.ttlSeconds, refreshToken }
  }

  #expiry(now: Date): Date {
    return new Date(now.getTime() + this.#deps.refreshTtlSeconds * 1000)
  }
}
