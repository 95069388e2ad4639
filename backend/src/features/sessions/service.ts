import type { Model, Types } from 'mongoose'
import type { Caller, Origin } from '../../http/endpoint.js'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import type { AccessTokens } from '../../platform/access-tokens.js'
import { hashOfToken, newToken } from '../../platform/random-tokens.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import type { Standing, UserDocument } from '../users/index.js'
import type { Device, SessionDocument } from './model.js'
import type { RevocationReason } from './reasons.js'
import { Revocation } from './revocation.js'
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
  /** Who they are now, from the primary; null where they are gone. */
  readonly standingOf: (userId: Types.ObjectId) => Promise<Standing | null>
  readonly admission: { readonly closed: boolean; requireOpen(role?: 'admin'): void; check(caller: Caller): void }
}

/** What a client needs to stay signed in. */
export interface Tokens {
  readonly accessToken: string
  /** Seconds. */
  readonly expiresIn: number
  readonly refreshToken: string
}

const refreshTokenBytes = 32

export class SessionService {
  readonly #deps: Dependencies
  readonly #revocation: Revocation
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#revocation = new Revocation(deps)
  }

  /**
   * Begins a session for a user who has just proved who they are.
   * @param origin where they sign in from
   * @throws Problem account_suspended; lockdown where administrators alone are let in
   */
  async open(
    { _id: userId, role, suspendedAt }: Pick<UserDocument, '_id' | 'role' | 'suspendedAt'>,
    device: Device | null,
    origin?: Origin,
  ): Promise<Tokens & { session: SessionDocument }> {
    if (suspendedAt) throw new Problem('account_suspended')
    this.#deps.admission.requireOpen(role)
    const refreshToken = newToken(refreshTokenBytes)
    const now = new Date()
    const created = await this.#deps.sessions.create({
      userId,
      ...(role && { role }),
      device,
      ...(origin && { ip: origin.ip }),
      refreshHash: hashOfToken(refreshToken),
      createdAt: now,
      lastSeenAt: now,
      expiresAt: this.#expiry(now),
    })
    const session = created.toObject()
    await this.#requireStanding(session)
    return { ...this.#tokens(session, refreshToken), session }
  }

  /** Trades a refresh token, once, for a new pair. @throws Problem session_revoked, unauthenticated where it is not good (any more), lockdown where it would be */
  async refresh(refreshToken: string): Promise<Tokens> {
    const next = newToken(refreshTokenBytes)
    const refreshHash = hashOfToken(refreshToken)
    const now = new Date()
    if (this.#deps.admission.closed) await this.#requireAdministrator(refreshHash)
    const session = await this.#deps.sessions
      .findOneAndUpdate(
        { refreshHash, expiresAt: { $gt: now }, revokedAt: { $exists: false } },
        { $set: { refreshHash: hashOfToken(next), lastSeenAt: now, expiresAt: this.#expiry(now) } },
        { returnDocument: 'after' },
      )
      .lean()
    if (session) {
      this.#deps.admission.check(callerOf(session))
      return this.#tokens(session, next)
    }
    if (await this.#deps.sessions.exists({ refreshHash, revokedAt: { $exists: true } })) throw new Problem('session_revoked')
    throw new Problem('unauthenticated', 'The refresh token is not good')
  }

  /** When a session ends, from the primary. @throws Problem session_revoked where it has ended, lockdown where it has to wait */
  async endOf(caller: Caller): Promise<Date> {
    const { userId, sessionId } = caller
    this.#deps.admission.check(caller)
    const session = await this.#deps.sessions
      .findOne({ _id: toObjectId(sessionId), userId: toObjectId(userId) }, { expiresAt: 1, revokedAt: 1 })
      .read('primary')
      .lean()
    if (!session || session.revokedAt !== undefined || session.expiresAt.getTime() <= Date.now()) throw new Problem('session_revoked')
    return session.expiresAt
  }

  /**
   * Ends a session before its time, at every worker.
   * @returns false where it is not this user's or has ended already; else true once that is published, or after 10 s, when it is on its way
   */
  revoke({ userId, sessionId }: Pick<Caller, 'userId' | 'sessionId'>, reason: RevocationReason): Promise<boolean> {
    return this.#revocation.one(userId, sessionId, reason)
  }

  /**
   * Ends all sessions of a user before their time, at every worker, but for one where it is named.
   * @returns how many have ended, once that is published, or after 10 s, when it is on its way
   */
  revokeAll(userId: string, options: { except?: string; reason: RevocationReason }): Promise<number> {
    return this.#revocation.all(userId, options)
  }

  /** Who was suspended meanwhile, or got another role, may have had their sessions ended before this one was there. @throws Problem account_suspended, session_revoked */
  async #requireStanding(session: SessionDocument): Promise<void> {
    const standing = await this.#deps.standingOf(session.userId)
    if (standing && !standing.suspendedAt && standing.role === session.role) return
    await this.revoke(callerOf(session), standing?.suspendedAt ? 'suspended' : 'role_changed')
    throw new Problem(standing?.suspendedAt ? 'account_suspended' : 'session_revoked')
  }

  /** Before the token is used up: it is good again once everyone is let in. @throws Problem lockdown where it is not an administrator's */
  async #requireAdministrator(refreshHash: string): Promise<void> {
    const known = await this.#deps.sessions.findOne({ refreshHash }, { role: 1 }).read('primary').lean()
    this.#deps.admission.requireOpen(known?.role)
  }

  #tokens(session: SessionDocument, refreshToken: string): Tokens {
    const { accessTokens } = this.#deps
    const accessToken = accessTokens.sign(callerOf(session))
    return { accessToken, expiresIn: accessTokens.ttlSeconds, refreshToken }
  }

  #expiry(now: Date): Date {
    return new Date(now.getTime() + this.#deps.refreshTtlSeconds * 1000)
  }
}

const callerOf = ({ _id, userId, role }: SessionDocument): Caller => ({
  userId: userId.toHexString(),
  sessionId: _id.toHexString(),
  ...(role && { role }),
})
