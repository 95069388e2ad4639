import { newToken } from '../../platform/random-tokens.js'

const familyBytes = 16
const ownBytes = 32
const shape = /^([\w-]{22})\.[\w-]{43}$/ // the two in base64url

/**
 * A refresh token: a secret that all tokens of a session begin with, a dot, and one of its own. By the first a token that was used up long ago
 * is known for one of the session's, with nothing kept of it; and nobody who never had one can pass for a thief.
 */
export const newRefreshToken = (family = newToken(familyBytes)): string => `${family}.${newToken(ownBytes)}`

/** What it has in common with all tokens of its session. @returns undefined where it is no refresh token */
export const familyOf = (refreshToken: string): string | undefined => shape.exec(refreshToken)?.[1]
