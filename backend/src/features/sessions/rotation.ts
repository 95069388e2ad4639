import type { Model, Types } from 'mongoose'
import type { Caller, Origin, Pending } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { AccessTokens } from '../../platform/access-tokens.js'
import { hashOfToken } from '../../platform/random-tokens.js'
import { isWriteConflict } from '../../platform/write-conflict.js'
import type { AuditLog } from '../audit/index.js'
import type { Standing } from '../users/index.js'
import { expiryOf, type Lifetimes } from './lifetimes.js'
import type { SessionDocument } from './model.js'
import { familyOf, newRefreshToken } from './refresh-tokens.js'
import { pairOf, sealPair } from './retries.js'
import type { Revocation } from './revocation.js'
import { callerOf, type Tokens, tokensOf } from './tokens.js'
import type { UsedTokens } from './used-tokens.js'

interface Dependencies {
  readonly sessions: Model<SessionDocument>
  readonly accessTokens: AccessTokens
  readonly lifetimes: Lifetimes
  readonly placeOf: (ip: string) => string
  readonly usedTokens: UsedTokens
  readonly revocation: Revocation
  readonly audit: AuditLog
  readonly admission: { check(caller: Caller): void }
  readonly standingOf: (userId: Types.ObjectId) => Promise<Standing | null>
  readonly pendingOf: (standing: Standing) => Pending | undefined
}

export interface Refreshed {
  readonly tokens: Tokens
  readonly session: SessionDocument
}

/** Of one session so many rotations are remembered for a retry: two a second would be none of a client's doing. */
const mostUsedKept = 4
const mostTries = 5
const notGood = () => new Problem('unauthenticated', 'The refresh token is not good')

/**
 * Trades refresh tokens, each once. Who lost the answer and asks again within 10 s gets the same pair, and so do all who ask at once. A used token
 * that comes later is in two hands: its session ends.
 */
export class Rotation {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @throws Problem unauthenticated where it is none of ours or its session's time is over, session_revoked where that has ended, or ends by this, lockdown */
  async refresh(refreshToken: string, origin?: Origin): Promise<Refreshed> {
    const hash = hashOfToken(refreshToken)
    for (let tried = 0; tried < mostTries; tried++) {
      const now = new Date()
      const session = await this.#sessionOf(refreshToken, now)
      if (session.refreshHash === hash) {
        const refreshed = await this.#rotate(session, refreshToken, { hash, now, origin })
        if (refreshed) return refreshed
        continue // another request was faster, and has left its pair
      }
      const tokens = pairOf(session.used ?? [], { hash, refreshToken, sessionId: session._id, now })
      if (tokens) return { tokens, session }
      await this.#endReused(session, origin)
      throw new Problem('session_revoked')
    }
    throw new Problem('service_unavailable')
  }

  async #sessionOf(refreshToken: string, now: Date): Promise<SessionDocument> {
    const family = familyOf(refreshToken)
    if (family === undefined) throw notGood()
    const session = await this.#deps.sessions
      .findOne({ familyHash: hashOfToken(family) })
      .read('primary')
      .lean()
    if (session?.revokedAt) throw new Problem('session_revoked')
    if (!session || session.expiresAt <= now) throw notGood()
    this.#deps.admission.check(callerOf(session)) // before its token is used up: it is good again once everyone is let in
    return session
  }

  /** @returns undefined where the session has changed meanwhile */
  async #rotate(
    session: SessionDocument,
    refreshToken: string,
    { hash, now, origin }: { hash: string; now: Date; origin: Origin | undefined },
  ): Promise<Refreshed | undefined> {
    const { sessions, accessTokens, lifetimes, placeOf, usedTokens, standingOf, pendingOf } = this.#deps
    const next = newRefreshToken(familyOf(refreshToken))
    const place = origin && { ip: origin.ip, place: placeOf(origin.ip) }
    const change = { refreshHash: hashOfToken(next), lastSeenAt: now, expiresAt: expiryOf(session, now, lifetimes), ...place }
    const standing = await standingOf(session.userId)
    const pending = standing ? pendingOf(standing) : undefined
    const tokens = tokensOf({ ...session, ...change }, next, { accessTokens, pending })
    const used = { hash, at: now, pair: sealPair(tokens, refreshToken, session._id) }
    const rotated = await sessions
      .findOneAndUpdate(
        { _id: session._id, refreshHash: hash, revokedAt: { $exists: false } },
        { $set: change, $push: { used: { $each: [used], $slice: -mostUsedKept } } },
        { returnDocument: 'after' },
      )
      .lean()
      .catch((error: unknown) => {
        if (isWriteConflict(error)) return null
        throw error
      })
    if (!rotated) return undefined
    usedTokens.note(session._id)
    return { tokens, session: rotated }
  }

  async #endReused({ _id, userId }: SessionDocument, origin: Origin | undefined): Promise<void> {
    const { revocation, audit } = this.#deps
    const sessionId = _id.toHexString()
    if (!(await revocation.one(userId.toHexString(), sessionId, 'refresh_reuse'))) return // it has ended already
    await audit.record({
      action: 'session.refresh_reuse',
      outcome: 'refused',
      actor: { kind: 'user', id: userId.toHexString() },
      target: { kind: 'session', id: sessionId },
      ...(origin && { origin }),
    })
  }
}
