import type { KeyObject } from 'node:crypto'
import jwt from 'jsonwebtoken'

const algorithm = 'HS256'
const audience = 'heliograph'

/** Whom an access token speaks for. */
export interface AccessClaims {
  readonly userId: string
  readonly sessionId: string
  readonly role?: 'admin'
}

/** Why a token was not accepted: too old, or not one of ours. */
export class AccessTokenError extends Error {
  readonly reason: 'expired' | 'invalid'
  constructor(reason: 'expired' | 'invalid', options?: ErrorOptions) {
    super(`The access token is ${reason}`, options)
    this.name = 'AccessTokenError'
    this.reason = reason
  }
}

/**
 * Signs and checks access tokens (JWT, RFC 7519; HS256 alone) without the database.
 * The key is a KeyObject made once: a string would be turned into one at every check, which costs 50 times as much.
 */
export class AccessTokens {
  readonly ttlSeconds: number
  readonly #key: KeyObject
  readonly #issuer: string
  constructor(options: { key: KeyObject; issuer: string; accessTtlSeconds: number }) {
    this.#key = options.key
    this.#issuer = options.issuer
    this.ttlSeconds = options.accessTtlSeconds
  }

  sign({ userId, sessionId, role }: AccessClaims): string {
    return jwt.sign({ sid: sessionId, ...(role && { role }) }, this.#key, {
      algorithm,
      subject: userId,
      issuer: this.#issuer,
      audience,
      expiresIn: this.ttlSeconds,
    })
  }

  /** @throws AccessTokenError */
  verify(token: string): AccessClaims {
    const claims = this.#claims(token)
    if (typeof claims === 'string' || typeof claims.sub !== 'string' || typeof claims.sid !== 'string' || claims.exp === undefined)
      throw new AccessTokenError('invalid')
    return { userId: claims.sub, sessionId: claims.sid, ...(claims.role === 'admin' && { role: 'admin' }) }
  }

  #claims(token: string): string | jwt.JwtPayload {
    try {
      return jwt.verify(token, this.#key, { algorithms: [algorithm], issuer: this.#issuer, audience })
    } catch (error) {
      throw new AccessTokenError(error instanceof jwt.TokenExpiredError ? 'expired' : 'invalid', { cause: error })
    }
  }
}
