import { Schema } from 'mongoose'

/** What a code proves: that a phone is one's own, or that one may set a new password. */
export type CodePurpose = 'phone' | 'password_reset'

/** The one code of a phone for a purpose. */
export interface CodeDocument {
  /** `<purpose>:<phone>`: a new code takes the place of the one before, with tries of its own. */
  _id: string
  /** HMAC of purpose, phone and code: there are so few codes that a plain hash would tell which. */
  hash: string
  triesLeft: number
  expiresAt: Date
}

export const codeSchema = new Schema<CodeDocument>(
  {
    _id: { type: String, required: true },
    hash: { type: String, required: true },
    triesLeft: { type: Number, required: true },
    expiresAt: { type: Date, required: true },
  },
  { collection: 'codes', versionKey: false },
)
codeSchema.index({ expiresAt: 1 }, { name: 'expires_at', expireAfterSeconds: 0 })

/** What a token allows: to register a phone, to call a mail address one's own, to set a new password. */
export type TokenPurpose = 'registration' | 'email' | 'password_reset'

/** The one token of somebody for a purpose. */
export interface TokenDocument {
  /** `<purpose>:<of whom>`: a new token takes the place of the one before. */
  _id: string
  purpose: TokenPurpose
  /** A phone, or a user's id. */
  of: string
  /** The address that a token for one was sent to. */
  email?: string
  /** SHA-256 of the token, base64url: who reads the database cannot use it. */
  hash: string
  expiresAt: Date
}

export const tokenSchema = new Schema<TokenDocument>(
  {
    _id: { type: String, required: true },
    purpose: { type: String, required: true },
    of: { type: String, required: true },
    email: String,
    hash: { type: String, required: true },
    expiresAt: { type: Date, required: true },
  },
  { collection: 'one_time_tokens', versionKey: false },
)
tokenSchema.index({ hash: 1 }, { name: 'hash', unique: true })
tokenSchema.index({ expiresAt: 1 }, { name: 'expires_at', expireAfterSeconds: 0 })
