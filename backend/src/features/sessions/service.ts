import type { Model, Types } from 'mongoose'
import type { Caller, Origin, Pending } from '../../http/endpoint.js'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import type { AccessTokens } from '../../platform/access-tokens.js'
import { hashOfToken } from '../../platform/random-tokens.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import type { AuditLog } from '../audit/index.js'
import type { Standing, UserDocument } from '../users/index.js'
import { expiryOf, type Lifetimes } from './lifetimes.js'
import type { Device, SessionDocument } from './model.js'
import { listSessions, surplusSessions } from './own-sessions.js'
import type { RevocationReason } from './reasons.js'
import { familyOf, newRefreshToken } from './refresh-tokens.js'
import { Revocation } from './revocation.js'
import type { RevokedSessions } from './revoked-sessions.js'
import { type Refreshed, Rotation } from './rotation.js'
import { callerOf, type Tokens, tokensOf } from './tokens.js'
import type { UsedTokens } from './used-tokens.js'

interface Dependencies {
  readonly sessions: Model<SessionDocument>
  readonly accessTokens: AccessTokens
  readonly lifetimes: Lifetimes
  readonly revoked: RevokedSessions
  readonly usedTokens: UsedTokens
  readonly audit: AuditLog
  /** Where an address is, roughly, in words. */
  readonly placeOf: (ip: string) => string
  readonly outbox: Outbox
  readonly source: OutboxSource
  /** This worker's name in outboxes. */
  readonly worker: string
  /** Who they are now, from the primary; null where they are gone. */
  readonly standingOf: (userId: Types.ObjectId) => Promise<Standing | null>
  /** What somebody has to do before anything else. */
  readonly pendingOf: (standing: Standing) => Pending | undefined
  readonly admission: { requireOpen(role?: 'admin'): void; check(caller: Caller): void }
}

export class SessionService {
  readonly #deps: Dependencies
  readonly #revocation: Revocation
  readonly #rotation: Rotation
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#revocation = new Revocation(deps)
    this.#rotation = new Rotation({ ...deps, revocation: this.#revocation })
  }

  /**
   * Begins a session for a user who has just proved who they are. Of more than a hundred the one that was not used for longest ends.
   * @param origin where they sign in from
   * @throws Problem account_suspended; lockdown where administrators alone are let in; session_revoked where who they are has changed meanwhile
   */
  async open(
    { _id: userId, role, suspendedAt, passwordSetAt }: Pick<UserDocument, '_id' | 'role' | 'suspendedAt' | 'passwordSetAt'>,
    device: Device | null,
    origin?: Origin,
  ): Promise<Tokens & { session: SessionDocument }> {
    if (suspendedAt) throw new Problem('account_suspended')
    this.#deps.admission.requireOpen(role)
    const { sessions, accessTokens, lifetimes, placeOf, pendingOf } = this.#deps
    const refreshToken = newRefreshToken()
    const now = new Date()
    const created = await sessions.create({
      userId,
      ...(role && { role }),
      device,
      ...(origin && { ip: origin.ip, place: placeOf(origin.ip) }),
      familyHash: hashOfToken(familyOf(refreshToken) ?? ''),
      refreshHash: hashOfToken(refreshToken),
      createdAt: now,
      lastSeenAt: now,
      expiresAt: expiryOf({ createdAt: now, device }, now, lifetimes),
    })
    const session = created.toObject()
    const standing = await this.#requireStanding(session, passwordSetAt)
    await this.#endSurplus(userId.toHexString())
    return { ...tokensOf(session, refreshToken, { accessTokens, pending: pendingOf(standing) }), session }
  }

  /**
   * Trades a refresh token for a new pair. The same token gets the same pair for 10 s; later it ends its session.
   * @throws Problem unauthenticated where it is none of ours or its session's time is over, session_revoked where that has ended, or ends by this,
   * lockdown where administrators alone are let in: it stays good
   */
  refresh(refreshToken: string, origin?: Origin): Promise<Refreshed> {
    return this.#rotation.refresh(refreshToken, origin)
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

  /** A page of a person's sessions that have not ended, newest first. @throws Problem validation_failed for a cursor that is none */
  list(
    userId: string,
    page: { cursor?: string | undefined; limit: number },
  ): Promise<{ items: SessionDocument[]; nextCursor: string | null }> {
    return listSessions(this.#deps.sessions, userId, page)
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

  /**
   * Ends them before what opens the account is changed as well as after. If it is cut short nobody who is to go has stayed, and who signed in by the former
   * one meanwhile goes as well.
   */
  async revokeAllAround<T>(userId: string, options: { except?: string; reason: RevocationReason }, change: () => Promise<T>): Promise<T> {
    await this.revokeAll(userId, options)
    const changed = await change()
    await this.revokeAll(userId, options)
    return changed
  }

  /** Forgets what is known of a person's devices and where they were: of sessions that have ended, and whose end is to be told still. */
  async forgetDevices(userId: string): Promise<void> {
    const ended = { userId: toObjectId(userId), revokedAt: { $exists: true } }
    await this.#deps.sessions.updateMany(ended, { $set: { device: null }, $unset: { ip: '', place: '', used: '' } })
  }

  /**
   * Who was suspended meanwhile, or got another role or password, may have had their sessions ended before this one was there.
   * @throws Problem account_suspended, session_revoked
   */
  async #requireStanding(session: SessionDocument, passwordSetAt: Date | undefined): Promise<Standing> {
    const standing = await this.#deps.standingOf(session.userId)
    const reason = endOf(session, passwordSetAt, standing)
    if (standing && !reason) return standing
    await this.revoke(callerOf(session), reason ?? 'account_deleted')
    throw new Problem(reason === 'suspended' ? 'account_suspended' : 'session_revoked')
  }

  async #endSurplus(userId: string): Promise<void> {
    for (const sessionId of await surplusSessions(this.#deps.sessions, userId))
      await this.#revocation.one(userId, sessionId, 'too_many_sessions')
  }
}

/** Why a session must not begin that was opened for somebody with this role and, where one was asked for, this password. */
const endOf = ({ role }: SessionDocument, passwordSetAt: Date | undefined, standing: Standing | null): RevocationReason | undefined => {
  if (!standing) return 'account_deleted'
  if (standing.suspendedAt) return 'suspended'
  if (standing.role !== role) return 'role_changed'
  const isSame = passwordSetAt === undefined || standing.passwordSetAt?.getTime() === passwordSetAt.getTime()
  return isSame ? undefined : 'password_changed'
}
