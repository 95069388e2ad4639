import { Schema, type Types } from 'mongoose'

/** A second factor at sign-in (RFC 6238). */
interface TotpFields {
  /** Sealed. */
  secret: string
  /** The step of the last code that was used: none is used twice. */
  lastStep: number
  /** SHA-256 of the recovery codes that are left, base64url. */
  recoveryHashes: string[]
  since: Date
}

export interface UserDocument {
  _id: Types.ObjectId
  /** E.164; of an account that has lost it to who proved it: `lost:<id>`. */
  phone: string
  /** When a code sent to it came back. Absent while whoever registered it may have taken anybody's. */
  phoneVerifiedAt?: Date
  /** Proved by a link that was sent to it; in lower case. */
  email?: string
  emailVerifiedAt?: Date
  /** Given, and not proved yet. */
  pendingEmail?: string
  name: string
  /** Absent for a person like any other. */
  role?: 'admin'
  /** Absent where they sign in by codes alone. */
  passwordHash?: string
  /** Another one for each password, and none without one. */
  passwordSetAt?: Date
  /** Those that may not come again, newest last. */
  formerPasswordHashes?: string[]
  totp?: TotpFields
  /** A TOTP secret that is to be confirmed, sealed. */
  totpPending?: { secret: string; at: Date }
  /** Present where nothing else may be done before: somebody else has chosen the password. */
  mustChangePassword?: true
  /** Since when they may not sign in; absent for a person like any other. */
  suspendedAt?: Date
  /** Absent is what it is without being asked. */
  settings?: { presence?: boolean }
  /** When the last stream ended; at most a minute behind. */
  lastSeenAt?: Date
  createdAt: Date
}

/** What a sign-in depends on. */
export type Standing = Pick<UserDocument, 'role' | 'suspendedAt' | 'mustChangePassword' | 'passwordSetAt'> & { totp?: { since: Date } }

/** Whether a person lets others see that they are there. */
export const showsPresence = ({ settings }: Pick<UserDocument, 'settings'>): boolean => settings?.presence ?? true

/** Stands in the place of a phone: nobody signs in to an account that has none. */
export const lostPhoneOf = (userId: string): string => `lost:${userId}`

export const userSchema = new Schema<UserDocument>(
  {
    phone: { type: String, required: true },
    phoneVerifiedAt: Date,
    email: String,
    emailVerifiedAt: Date,
    pendingEmail: String,
    name: { type: String, required: true },
    role: { type: String, enum: ['admin'] },
    passwordHash: String,
    passwordSetAt: Date,
    formerPasswordHashes: { type: [String], default: undefined },
    totp: { type: { _id: false, secret: String, lastStep: Number, recoveryHashes: [String], since: Date }, default: undefined },
    totpPending: { type: { _id: false, secret: String, at: Date }, default: undefined },
    mustChangePassword: { type: Boolean, enum: [true] },
    suspendedAt: Date,
    settings: { type: { _id: false, presence: Boolean }, default: undefined },
    lastSeenAt: Date,
    createdAt: { type: Date, required: true },
  },
  { collection: 'users', versionKey: false },
)
// One account a phone, however many register it at once.
userSchema.index({ phone: 1 }, { name: 'phone', unique: true })
// An address proves who its account is.
userSchema.index({ email: 1 }, { name: 'email', unique: true, sparse: true })
// Search by name.
userSchema.index({ name: 1 }, { name: 'name' })
// What administrators list. Sparse: few are either.
userSchema.index({ role: 1, _id: -1 }, { name: 'role', sparse: true })
userSchema.index({ suspendedAt: -1, _id: -1 }, { name: 'suspended_at', sparse: true })
