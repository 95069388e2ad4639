import { createHmac, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import { parseCookie, stringifySetCookie } from 'cookie'
import type { ReplyHeaders } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import { familyOf } from './refresh-tokens.js'
import type { CookieQuery, RefreshHeaders, TokensView } from './schema.js'

interface Options {
  /** The first one makes CSRF tokens, all of them check. */
  readonly keys: readonly [KeyObject, ...KeyObject[]]
  /** Whether browsers may send the cookies over TLS alone. */
  readonly secure: boolean
  /** Where web clients may be, beside the API's own host. */
  readonly origins: readonly string[]
}

const refreshCookie = { name: 'refresh', httpOnly: true, sameSite: 'lax', path: '/api/v1/auth' } as const
/** A page reads it and repeats it in a header, which no other site's page can. */
const csrfCookie = { name: 'csrf', sameSite: 'lax', path: '/' } as const
const keyBytes = 32

/** Refresh tokens of browsers, in a cookie that no script can read, and what keeps other sites from using it. */
export class SessionCookies {
  readonly #keys: readonly Buffer[]
  readonly #secure: boolean
  readonly #origins: ReadonlySet<string>
  constructor({ keys, secure, origins }: Options) {
    this.#keys = keys.map((key) => Buffer.from(hkdfSync('sha256', key.export(), '', 'heliograph csrf', keyBytes)))
    this.#secure = secure
    this.#origins = new Set(origins)
  }

  /**
   * A body with tokens as its client asked for it: where that is `?cookie=true`, the refresh token moves from it into the cookie.
   * @param session when it ends, the cookies do
   */
  asAsked<B extends { readonly refreshToken?: string | undefined }>(
    { cookie }: CookieQuery,
    { expiresAt }: { readonly expiresAt: Date },
    given: B,
  ): { body: Omit<B, 'refreshToken'> & Pick<TokensView, 'refreshToken' | 'csrfToken'>; headers?: ReplyHeaders } {
    const { refreshToken, ...body } = given
    if (refreshToken === undefined) return { body }
    if (cookie !== 'true') return { body: { ...body, refreshToken } }
    const csrfToken = this.#csrfTokens(refreshToken)[0] ?? ''
    const maxAge = Math.max(0, Math.floor((expiresAt.getTime() - Date.now()) / 1000))
    return { body: { ...body, csrfToken }, headers: this.#set(refreshToken, csrfToken, maxAge) }
  }

  /** Takes the cookies away from a browser that has them. */
  cleared(headers: Pick<RefreshHeaders, 'cookie'>): { headers?: ReplyHeaders } {
    return tokenIn(headers) === undefined ? {} : { headers: this.#set('', '', 0) }
  }

  /**
   * The refresh token in a browser's cookie, where one of our pages asks.
   * @throws Problem unauthenticated where there is none, forbidden where another site may be asking
   */
  tokenOf(headers: RefreshHeaders): string {
    const refreshToken = tokenIn(headers)
    if (refreshToken === undefined) throw new Problem('unauthenticated', 'There is no refresh token, in the body or in a cookie')
    if (!this.#isOurs(headers)) throw new Problem('forbidden', 'The Origin is none that may use the cookie')
    const given = headers['x-csrf-token'] ?? ''
    if (!this.#csrfTokens(refreshToken).some((token) => isEqual(token, given))) {
      throw new Problem('forbidden', 'X-CSRF-Token is not what came with the cookie')
    }
    return refreshToken
  }

  /** Browsers send an Origin with every POST, and no page can choose it. */
  #isOurs({ origin, host }: RefreshHeaders): boolean {
    if (origin === undefined || !URL.canParse(origin)) return false
    return this.#origins.has(origin) || new URL(origin).host === host
  }

  /** By each key. Bound to the session: a token that was planted with another cookie is worth nothing. */
  #csrfTokens(refreshToken: string): string[] {
    const family = familyOf(refreshToken) ?? ''
    return this.#keys.map((key) => createHmac('sha256', key).update(family).digest('base64url'))
  }

  #set(refreshToken: string, csrfToken: string, maxAge: number): ReplyHeaders {
    const shared = { secure: this.#secure, maxAge }
    return {
      'Set-Cookie': [
        stringifySetCookie({ ...refreshCookie, ...shared, value: refreshToken }),
        stringifySetCookie({ ...csrfCookie, ...shared, value: csrfToken }),
      ],
    }
  }
}

const tokenIn = ({ cookie }: Pick<RefreshHeaders, 'cookie'>): string | undefined =>
  parseCookie(cookie ?? '')[refreshCookie.name] || undefined

const isEqual = (one: string, other: string): boolean => {
  const [left, right] = [Buffer.from(one), Buffer.from(other)]
  return left.length === right.length && timingSafeEqual(left, right)
}
