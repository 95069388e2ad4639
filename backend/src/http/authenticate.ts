import { AccessTokenError, type AccessTokens } from '../platform/access-tokens.js'
import type { Caller } from './endpoint.js'
import { Problem } from './problem.js'

/** The caller that an Authorization header speaks for (RFC 6750). @throws Problem unauthenticated, token_expired */
export const authenticate = (header: string | undefined, tokens: AccessTokens): Caller => {
  const token = /^Bearer +([\w.~+/=-]+) *$/i.exec(header ?? '')?.[1]
  if (!token) throw new Problem('unauthenticated')
  try {
    return tokens.verify(token)
  } catch (error) {
    if (!(error instanceof AccessTokenError)) throw error
    throw new Problem(error.reason === 'expired' ? 'token_expired' : 'unauthenticated', undefined, { cause: error })
  }
}
