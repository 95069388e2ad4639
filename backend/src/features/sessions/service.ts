import type { Model, Types } from 'mongoose'
import { Problem } from '../../http/problem.js'
import type { AccessTokens } from '../../platform/access-tokens.js'
import { hashOfToken, newToken } from '../../platform/random-tokens.js'
import type { Device, SessionDocument } from './model.js'

interface Dependencies {
  readonly sessions: Model<SessionDocument>
  readonly accessTokens: AccessTokens
  readonly refreshTtlSeconds: number
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
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Begins a session for a user who has just proved who they are. */
  async open(userId: Types.ObjectId, device: Device | null): Promise<Tokens & { session: SessionDocument }> {
    const refreshToken = newToken(refreshTokenBytes)
    const now = new Date()
    const created = await this.#deps.sessions.create({
      userId,
      device,
      refreshHash: hashOfToken(refreshToken),
      createdAt: now,
      lastSeenAt: now,
      expiresAt: this.#expiry(now),
    })
    const session = created.toObject()
    return { ...this.#tokens(session, refreshToken), session }
  }

  /** Trades a refresh token, once, for a new pair. @throws Problem unauthenticated where it is not good (any more) */
  async refresh(refreshToken: string): Promise<Tokens> {
    const next = newToken(refreshTokenBytes)
    const now = new Date()
    const session = await this.#deps.sessions
      .findOneAndUpdate(
        { refreshHash: hashOfToken(refreshToken), expiresAt: { $gt: now } },
        { $set: { refreshHash: hashOfToken(next), lastSeenAt: now, expiresAt: this.#expiry(now) } },
        { returnDocument: 'after' },
      )
      .lean()
    if (!session) throw new Problem('unauthenticated', 'The refresh token is not good')
    return this.#tokens(session, next)
  }

  #tokens(session: SessionDocument, refreshToken: string): Tokens {
    const { accessTokens } = this.#deps
    const accessToken = accessTokens.sign({ userId: session.userId.toHexString(), sessionId: session._id.toHexString() })
    return { accessToken, expiresIn: accessTokens.ttlSeconds, refreshToken }
  }

  #expiry(now: Date): Date {
    return new Date(now.getTime() + this.#deps.refreshTtlSeconds * 1000)
  }
}
