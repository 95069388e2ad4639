import { createSecretKey } from 'node:crypto'
import type { Types } from 'mongoose'
import { z } from 'zod'
import { Sealer } from '../../platform/sealed.js'
import type { UsedToken } from './model.js'
import type { Tokens } from './tokens.js'

/** So long a used refresh token gets the same new pair once more: its client may not have got the answer. */
export const retryMs = 10_000

const Pair = z.object({ accessToken: z.string(), expiresIn: z.int(), refreshToken: z.string() })

/** Under a key that nobody has but who holds the token that was used: what is stored tells nothing. */
const sealer = (refreshToken: string): Sealer => new Sealer([createSecretKey(refreshToken, 'utf8')], 'refresh retry')

export const sealPair = (pair: Tokens, refreshToken: string, sessionId: Types.ObjectId): string =>
  sealer(refreshToken).seal(JSON.stringify(pair), sessionId.toHexString())

/** The pair that a token was traded for a moment ago; undefined where it was not, or is too long ago. */
export const pairOf = (
  used: readonly UsedToken[],
  { hash, refreshToken, sessionId, now }: { hash: string; refreshToken: string; sessionId: Types.ObjectId; now: Date },
): Tokens | undefined => {
  const found = used.find((each) => each.hash === hash && each.at.getTime() > now.getTime() - retryMs)
  const opened = found && sealer(refreshToken).open(found.pair, sessionId.toHexString())
  return opened === undefined ? undefined : Pair.parse(JSON.parse(opened))
}
