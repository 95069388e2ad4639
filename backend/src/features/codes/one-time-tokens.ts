import type { Model } from 'mongoose'
import { hashOfToken, newToken } from '../../platform/random-tokens.js'
import { upserting } from '../../platform/upsert.js'
import type { TokenDocument, TokenPurpose } from './model.js'

export const tokenTtlSeconds = { registration: 10 * 60, email: 24 * 3600, password_reset: 3600 } as const satisfies Record<
  TokenPurpose,
  number
>
const tokenBytes = 32

type Found = Pick<TokenDocument, 'of' | 'email'>

/** Long random secrets that are used once: what the owner of a phone shows to register it, what the links in mails hold. */
export class OneTimeTokens {
  readonly #tokens: Model<TokenDocument>
  constructor(deps: { readonly tokens: Model<TokenDocument> }) {
    this.#tokens = deps.tokens
  }

  /** @param of a phone, or a user's id. @returns a new token, which takes the place of the one before */
  async issue(purpose: TokenPurpose, of: string, email?: string): Promise<string> {
    const token = newToken(tokenBytes)
    const expiresAt = new Date(Date.now() + tokenTtlSeconds[purpose] * 1000)
    const fresh = { purpose, of, hash: hashOfToken(token), expiresAt, ...(email !== undefined && { email }) }
    await upserting(() => this.#tokens.replaceOne({ _id: idOf(purpose, of) }, fresh, { upsert: true }))
    return token
  }

  /** Looks and uses nothing. @returns undefined where it is wrong, used, too old, or a newer one has come */
  async find(purpose: TokenPurpose, token: string): Promise<Found | undefined> {
    return (await this.#tokens.findOne(this.#living(purpose, token)).lean()) ?? undefined
  }

  /** Uses a token, once. @returns undefined where it is wrong, used, too old, or a newer one has come */
  async redeem(purpose: TokenPurpose, token: string, of?: string): Promise<Found | undefined> {
    const living = this.#living(purpose, token)
    return (await this.#tokens.findOneAndDelete(of === undefined ? living : { ...living, of }).lean()) ?? undefined
  }

  /** Makes worthless what somebody was given. */
  async forget(purposes: readonly TokenPurpose[], of: string): Promise<void> {
    await this.#tokens.deleteMany({ _id: { $in: purposes.map((purpose) => idOf(purpose, of)) } })
  }

  #living(purpose: TokenPurpose, token: string) {
    return { hash: hashOfToken(token), purpose, expiresAt: { $gt: new Date() } }
  }
}

const idOf = (purpose: TokenPurpose, of: string): string => `${purpose}:${of}`
