import { Schema, type Types } from 'mongoose'
import { outboxField, outboxIndex, type WithOutbox } from '../../realtime/outbox-entry.js'

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

/** What a person has set; absent is what it is without being asked: see `settingsOf`. */
interface StoredSettings {
  presence?: boolean
  findableByPhone?: boolean
  readReceipts?: boolean
}

export interface UserDocument extends WithOutbox {
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
  /** The name as it is looked for. Set with the name. */
  nameFolded: string
  about?: string
  avatarUploadId?: Types.ObjectId
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
  settings?: StoredSettings
  /** Since when the account is no more. The document stays for what refers to it, with nothing in it of who that was. */
  deletedAt?: Date
  /** When the last stream ended; at most a minute behind. */
  lastSeenAt?: Date
  createdAt: Date
  /** Rises with every change of what is told of a person. */
  version: number
  /** When an outbox entry was forgotten last. */
  changedAt?: Date
}

/** What a sign-in depends on. */
export type Standing = Pick<UserDocument, 'role' | 'suspendedAt' | 'mustChangePassword' | 'passwordSetAt'> & { totp?: { since: Date } }

/** Whether others may see that one is there; find one by one's phone number; see how far one has read. */
export const settingsOf = ({ settings }: Pick<UserDocument, 'settings'>): Required<StoredSettings> => ({
  presence: settings?.presence ?? true,
  findableByPhone: settings?.findableByPhone ?? true,
  readReceipts: settings?.readReceipts ?? true,
})

/** Stands in the place of a phone: nobody signs in to an account that has none. */
export const lostPhoneOf = (userId: string): string => `lost:${userId}`

export const hasPhone = ({ phone }: Pick<UserDocument, 'phone'>): boolean => !phone.startsWith('lost:')

export const userSchema = new Schema<UserDocument>(
  {
    phone: { type: String, required: true },
    phoneVerifiedAt: Date,
    email: String,
    emailVerifiedAt: Date,
    pendingEmail: String,
    name: { type: String, required: true },
    nameFolded: { type: String, required: true },
    about: String,
    avatarUploadId: Schema.Types.ObjectId,
    role: { type: String, enum: ['admin'] },
    passwordHash: String,
    passwordSetAt: Date,
    formerPasswordHashes: { type: [String], default: undefined },
    totp: { type: { _id: false, secret: String, lastStep: Number, recoveryHashes: [String], since: Date }, default: undefined },
    totpPending: { type: { _id: false, secret: String, at: Date }, default: undefined },
    mustChangePassword: { type: Boolean, enum: [true] },
    suspendedAt: Date,
    settings: { type: { _id: false, presence: Boolean, findableByPhone: Boolean, readReceipts: Boolean }, default: undefined },
    deletedAt: Date,
    lastSeenAt: Date,
    createdAt: { type: Date, required: true },
    version: { type: Number, required: true },
    changedAt: Date,
    outbox: outboxField,
  },
  { collection: 'users', versionKey: false },
)
// One account a phone, however many register it at once.
userSchema.index({ phone: 1 }, { name: 'phone', unique: true })
// An address proves who its account is.
userSchema.index({ email: 1 }, { name: 'email', unique: true, sparse: true })
// Search by the beginning of a name, in its order.
userSchema.index({ nameFolded: 1, _id: 1 }, { name: 'name_folded' })
// What administrators list. Sparse: few are either.
userSchema.index({ role: 1, _id: -1 }, { name: 'role', sparse: true })
userSchema.index({ suspendedAt: -1, _id: -1 }, { name: 'suspended_at', sparse: true })
userSchema.index(...outboxIndex)
