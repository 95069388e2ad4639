import { Schema, type Types } from 'mongoose'
import type { Origin } from '../../http/endpoint.js'
import type { StartQr } from './schema.js'

/** What is stored. That a challenge has expired is not: the database's clock says so. */
type StoredStatus = 'pending' | 'scanned' | 'approved' | 'denied' | 'used'

/** The phone that has scanned it: a session of its owner. */
export interface Scanner {
  readonly userId: Types.ObjectId
  readonly sessionId: Types.ObjectId
  readonly name: string
}

/** A browser that asks to be signed in. Each step moves this one document, if it is still what the step needs. */
export interface ChallengeDocument {
  _id: Types.ObjectId
  /** base64url SHA-256 of the verifier, which the browser alone has. */
  challenge: string
  /** SHA-256 of the token in the QR picture. */
  tokenHash: string
  /** The two digits that the browser shows. */
  code: string
  /** What the phone is offered, the code among them: the same whenever it asks. */
  choices: readonly string[]
  device: NonNullable<StartQr['device']> | null
  /** Where the browser asked from. */
  origin: Origin
  status: StoredStatus
  scanner?: Scanner
  createdAt: Date
  /** Until when it can be scanned and approved. */
  expiresAt: Date
  /** Until when the browser can come for its session, once approved. */
  exchangeBy?: Date
}

export const challengeSchema = new Schema<ChallengeDocument>(
  {
    challenge: { type: String, required: true },
    tokenHash: { type: String, required: true },
    code: { type: String, required: true },
    choices: { type: [String], required: true },
    device: { type: Schema.Types.Mixed, default: null },
    origin: { type: Schema.Types.Mixed, required: true },
    status: { type: String, required: true },
    scanner: { type: Schema.Types.Mixed },
    createdAt: { type: Date, required: true },
    expiresAt: { type: Date, required: true },
    exchangeBy: Date,
  },
  { collection: 'qr_challenges', versionKey: false },
)
challengeSchema.index({ tokenHash: 1 }, { name: 'token_hash', unique: true })
/** What has come of one can be asked for so long after its end. */
const keptSeconds = 600
challengeSchema.index({ expiresAt: 1 }, { name: 'expires_at', expireAfterSeconds: keptSeconds })
