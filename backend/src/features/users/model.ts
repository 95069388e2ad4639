import { Schema, type Types } from 'mongoose'

export interface UserDocument {
  _id: Types.ObjectId
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
  passwordHash: string
  /** Absent is what it is without being asked. */
  settings?: { presence?: boolean }
  /** When the last stream ended; at most a minute behind. */
  lastSeenAt?: Date
  createdAt: Date
}

/** Whether a person lets others see that they are there. */
export const showsPresence = ({ settings }: Pick<UserDocument, 'settings'>): boolean => settings?.presence ?? true

export const userSchema = new Schema<UserDocument>(
  {
    phone: { type: String, required: true },
    phoneVerifiedAt: Date,
    email: String,
    emailVerifiedAt: Date,
    pendingEmail: String,
    name: { type: String, required: true },
    role: { type: String, enum: ['admin'] },
    passwordHash: { type: String, required: true },
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
