import type { Caller, Pending } from '../../http/endpoint.js'
import type { AccessTokens } from '../../platform/access-tokens.js'
import type { SessionDocument } from './model.js'

/** What a client needs to stay signed in. */
export interface Tokens {
  readonly accessToken: string
  /** Seconds. */
  readonly expiresIn: number
  readonly refreshToken: string
}

/** Whom a session's tokens speak for. */
export const callerOf = ({ _id, userId, role }: SessionDocument): Caller => ({
  userId: userId.toHexString(),
  sessionId: _id.toHexString(),
  ...(role && { role }),
})

/** A session's new pair. The access token does not outlive the session. */
export const tokensOf = (
  session: SessionDocument,
  refreshToken: string,
  { accessTokens, pending }: { accessTokens: AccessTokens; pending: Pending | undefined },
): Tokens => {
  const leftSeconds = Math.floor((session.expiresAt.getTime() - Date.now()) / 1000)
  const expiresIn = Math.max(1, Math.min(accessTokens.ttlSeconds, leftSeconds))
  return { accessToken: accessTokens.sign({ ...callerOf(session), ...(pending && { pending }) }, expiresIn), expiresIn, refreshToken }
}
