import { newToken } from '../../platform/random-tokens.js'

const familyBytes = 16
const ownBytes = 32
const familyLength = Math.ceil((familyBytes * 8) / 6)
const length = familyLength + Math.ceil((ownBytes * 8) / 6)

/**
 * A refresh token: a secret that all tokens of a session begin with, then one of its own. By the first a token that was used up long ago is
 * known for one of the session's, with nothing kept of it; and nobody who never had one can pass for a thief.
 */
export const newRefreshToken = (family = newToken(familyBytes)): string => family + newToken(ownBytes)

/** What it has in common with all tokens of its session. @returns undefined where it is no refresh token */
export const familyOf = (refreshToken: string): string | undefined =>
  refreshToken.length === length ? refreshToken.slice(0, familyLength) : undefined
