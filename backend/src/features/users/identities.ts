import type { Model, QueryFilter, UpdateQuery } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { isDuplicateKey } from '../../platform/duplicate-key.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import { living } from './living.js'
import { lostPhoneOf, type UserDocument } from './model.js'

interface Dependencies {
  readonly users: Model<UserDocument>
  readonly outbox: Outbox
  readonly source: OutboxSource
  /** This worker's name in outboxes. */
  readonly worker: string
}

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
  readonly #deps: Dependencies
  readonly #users: Model<UserDocument>
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#users = deps.users
  }

  /** Takes away whatever opens an account but a code sent to its phone; nothing where the phone was proved meanwhile. */
  async disown(userId: string): Promise<void> {
    await this.#users.updateOne({ ...living(userId), phoneVerifiedAt: { $exists: false } }, { $unset: openings })
  }

  /** Notes that a user's phone is theirs. @returns null where it is not the user's any more */
  async noteProof(userId: string, phone: string): Promise<UserDocument | null> {
    return this.#tellChange({ ...living(userId), phone }, { $set: { phoneVerifiedAt: new Date() } })
  }

  /** Keeps an address that is to be proved, in place of the one before. */
  async setPendingEmail(userId: string, pendingEmail: string): Promise<void> {
    await this.#users.updateOne(living(userId), { $set: { pendingEmail } })
  }

  /** Makes a pending address the user's own. @returns null where it is not pending any more; `taken` where another user has it */
  async takeEmail(userId: string, email: string): Promise<UserDocument | null | 'taken'> {
    const change = { $set: { email, emailVerifiedAt: new Date() }, $unset: { pendingEmail: '' } } as const
    return orTaken(this.#tellChange({ ...living(userId), pendingEmail: email }, change))
  }

  /** Gives a user another phone, which they have proved. @returns `taken` where another user has it */
  async movePhone(userId: string, phone: string): Promise<UserDocument | null | 'taken'> {
    return orTaken(this.#tellChange(living(userId), { $set: { phone, phoneVerifiedAt: new Date() } }))
  }

  /** Takes a phone from a user who has not proved it; nothing where they did meanwhile. */
  async losePhone(userId: string, phone: string): Promise<void> {
    const _id = toObjectId(userId)
    await this.#users.updateOne({ _id, phone, phoneVerifiedAt: { $exists: false } }, { $set: { phone: lostPhoneOf(userId) } })
  }

  /** Changes what only the person sees, and tells their devices in the same write. @returns the user after it */
  async #tellChange(filter: QueryFilter<UserDocument>, change: UpdateQuery<UserDocument>): Promise<UserDocument | null> {
    const { outbox, source, worker } = this.#deps
    const entry = outboxEntry(worker, 'user.updated', new Date())
    const update = { ...change, $inc: { version: 1 }, $push: { outbox: entry } }
    const user = await this.#users.findOneAndUpdate(filter, update, { returnDocument: 'after' }).lean()
    if (user) outbox.publish(source, [user]) // the sweeper publishes it if this worker dies first
    return user
  }
}

const orTaken = <T>(change: Promise<T>): Promise<T | 'taken'> =>
  change.catch((error: unknown) => {
    if (isDuplicateKey(error)) return 'taken'
    throw error
  })
