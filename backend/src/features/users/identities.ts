import type { Model } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { UserDocument } from './model.js'

/** What a user's document holds to let somebody in who has the phone no more than anybody. */
const openings = {
  passwordHash: '',
  passwordSetAt: '',
  formerPasswordHashes: '',
  mustChangePassword: '',
  totp: '',
  totpPending: '',
  email: '',
  emailVerifiedAt: '',
  pendingEmail: '',
} as const

/** By what people are known, and what proves it. */
export class UserIdentities {
  readonly #users: Model<UserDocument>
  constructor(deps: { readonly users: Model<UserDocument> }) {
    this.#users = deps.users
  }

  /** Takes away whatever opens an account but a code sent to its phone; nothing where the phone was proved meanwhile. */
  async disown(userId: string): Promise<void> {
    await this.#users.updateOne({ _id: toObjectId(userId), phoneVerifiedAt: { $exists: false } }, { $unset: openings })
  }

  /** Notes that a user's phone is theirs. @returns null where it is not the user's any more */
  async noteProof(userId: string, phone: string): Promise<UserDocument | null> {
    return this.#users
      .findOneAndUpdate({ _id: toObjectId(userId), phone }, { $set: { phoneVerifiedAt: new Date() } }, { returnDocument: 'after' })
      .lean()
  }
}
