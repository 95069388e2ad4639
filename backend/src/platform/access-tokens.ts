import { createHash, type KeyObject } from 'node:crypto'
import jwt from 'jsonwebtoken'

const algorithm = 'HS256'
const audience = 'heliograph'

/** Whom an access token speaks for. */
export interface AccessClaims {
  readonly userId: string
  readonly sessionId: string
  readonly role?: 'admin'
  /** Of a machine's token alone: what it may do. `userId` and `sessionId` are then its API key's. */
  readonly scopes?: readonly string[]
  /** What they have to do before anything else. */
  readonly pending?: 'password' | 'totp'
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

interface Options {
  /** Signs. */
  readonly key: KeyObject
  /** Those that signed before: what they signed is still good. */
  readonly previousKeys?: readonly KeyObject[]
  readonly issuer: string
  readonly accessTtlSeconds: number
}

const kidBytes = 6
/** What a token's header calls a key (RFC 7515, 4.1.4): a hash, which tells nothing of it. */
const kidOf = (key: KeyObject): string =>
  createHash('sha256').update('heliograph kid').update(key.export()).digest().subarray(0, kidBytes).toString('base64url')

const encodedHeader = (keyid: string): string =>
  Buffer.from(JSON.stringify({ alg: algorithm, typ: 'JWT', kid: keyid })).toString('base64url')

/**
 * Signs and checks access tokens (JWT, RFC 7519; HS256 alone) without the database. A token's header must be one of those that we write, to the
 * byte: another algorithm, or a key that we do not know, is refused before anything is computed.
 * The keys are KeyObjects made once: a string would be turned into one at every check, which costs 50 times as much.
 */
export class AccessTokens {
  readonly ttlSeconds: number
  readonly #key: KeyObject
  readonly #kid: string
  /** By the header of the tokens that they sign. */
  readonly #keys: ReadonlyMap<string, KeyObject>
  readonly #issuer: string
  constructor(options: Options) {
    this.#key = options.key
    this.#kid = kidOf(options.key)
    this.#keys = new Map([options.key, ...(options.previousKeys ?? [])].map((key) => [encodedHeader(kidOf(key)), key]))
    this.#issuer = options.issuer
    this.ttlSeconds = options.accessTtlSeconds
  }

  /** @param expiresIn seconds; what a token lives as a rule where it is not given */
  sign({ userId, sessionId, role, scopes, pending }: AccessClaims, expiresIn: number = this.ttlSeconds): string {
    const claims = { sid: sessionId, ...(role && { role }), ...(scopes && { scope: scopes.join(' ') }), ...(pending && { pending }) }
    return jwt.sign(claims, this.#key, {
      algorithm,
      keyid: this.#kid,
      subject: userId,
      issuer: this.#issuer,
      audience,
      expiresIn,
    })
  }

  /** @throws AccessTokenError */
  verify(token: string): AccessClaims {
    const claims = this.#claims(token)
    if (typeof claims === 'string' || typeof claims.sub !== 'string' || typeof claims.sid !== 'string' || claims.exp === undefined)
      throw new AccessTokenError('invalid')
    return {
      userId: claims.sub,
      sessionId: claims.sid,
      ...(claims.role === 'admin' && { role: 'admin' }),
      ...((claims.pending === 'password' || claims.pending === 'totp') && { pending: claims.pending }),
      ...(typeof claims.scope === 'string' && { scopes: claims.scope.split(' ') }),
    }
  }

  #claims(token: string): string | jwt.JwtPayload {
    const key = this.#keys.get(token.slice(0, token.indexOf('.')))
    if (!key) throw new AccessTokenError('invalid')
    try {
      return jwt.verify(token, key, { algorithms: [algorithm], issuer: this.#issuer, audience })
    } catch (error) {
      throw new AccessTokenError(error instanceof jwt.TokenExpiredError ? 'expired' : 'invalid', { cause: error })
    }
  }
}
