import type { Model, Types } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import { isDuplicateKey } from '../../platform/duplicate-key.js'
import { type Standing, showsPresence, type UserDocument } from './model.js'
import type { ChangeMe } from './schema.js'

interface Dependencies {
  readonly users: Model<UserDocument>
}

export class UserService {
  readonly #users: Model<UserDocument>
  constructor(deps: Dependencies) {
    this.#users = deps.users
  }

  /** @throws Problem conflict where the phone has an account */
  async create(input: Pick<UserDocument, 'phone' | 'name' | 'passwordHash' | 'passwordSetAt' | 'phoneVerifiedAt'>): Promise<UserDocument> {
    try {
      const user = await this.#users.create({ ...input, createdAt: new Date() })
      return user.toObject()
    } catch (error) {
      if (!isDuplicateKey(error)) throw error
      throw new Problem('conflict', 'This phone has an account', { cause: error })
    }
  }

  /** @throws Problem not_found */
  async get(userId: string): Promise<UserDocument> {
    const user = await this.#users.findById(toObjectId(userId)).lean()
    if (!user) throw new Problem('not_found')
    return user
  }

  /** Changes what a person has set. @throws Problem not_found */
  async change(userId: string, { settings }: ChangeMe): Promise<UserDocument> {
    const user = await this.#users
      .findByIdAndUpdate(toObjectId(userId), { $set: { 'settings.presence': settings.presence } }, { returnDocument: 'after' })
      .lean()
    if (!user) throw new Problem('not_found')
    return user
  }

  /** Of these people, those who let others see that they are there, and when they were there last. */
  async showingPresence(userIds: readonly string[]): Promise<Map<string, Date | null>> {
    const found = await this.#users.find({ _id: { $in: userIds.map(toObjectId) } }, { settings: 1, lastSeenAt: 1 }).lean()
    return new Map(found.filter(showsPresence).map(({ _id, lastSeenAt }) => [_id.toHexString(), lastSeenAt ?? null]))
  }

  /** Notes when a person was there last; not within a minute of what is noted. */
  async noteSeen(userId: string, at: Date): Promise<void> {
    const minuteBefore = new Date(at.getTime() - 60_000)
    const due = { $or: [{ lastSeenAt: { $exists: false } }, { lastSeenAt: { $lt: minuteBefore } }] }
    await this.#users.updateOne({ _id: toObjectId(userId), ...due }, { $set: { lastSeenAt: at } })
  }

  /** What a sign-in depends on, from the primary; null where there is nobody. */
  async standingOf(userId: Types.ObjectId): Promise<Standing | null> {
    return this.#users
      .findById(userId, { role: 1, suspendedAt: 1, mustChangePassword: 1, passwordSetAt: 1, 'totp.since': 1 })
      .read('primary')
      .lean()
  }

  /** @param email in lower case; only one that was proved is anybody's */
  async findByEmail(email: string): Promise<UserDocument | null> {
    return this.#users.findOne({ email }).lean()
  }

  async findByPhone(phone: string): Promise<UserDocument | null> {
    return this.#users.findOne({ phone }).lean()
  }

  /** @returns which of these ids are nobody's */
  async unknownAmong(userIds: readonly string[]): Promise<string[]> {
    const found = await this.#users.find({ _id: { $in: userIds.map(toObjectId) } }, { _id: 1 }).lean()
    const known = new Set(found.map((user) => user._id.toHexString()))
    return userIds.filter((id) => !known.has(id))
  }
}
