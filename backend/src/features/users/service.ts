import type { Model, Types } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import { isDuplicateKey } from '../../platform/duplicate-key.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import { changeOf } from './change.js'
import { foldName } from './fold.js'
import { living, notDeleted } from './living.js'
import { type Standing, settingsOf, type UserDocument } from './model.js'
import type { ChangeMe } from './schema.js'

interface Dependencies {
  readonly users: Model<UserDocument>
  readonly outbox: Outbox
  readonly source: OutboxSource
  /** Asked before an avatar is set, or taken away; false where it is no upload of this person's own that may be one. */
  readonly useAsAvatar: (userId: string, uploadId: string | null) => Promise<boolean>
  /** This worker's name in outboxes. */
  readonly worker: string
}

/** What a person may have to tell at once, while Redis is away. */
const mostUntold = 50

/** What somebody begins with. */
type NewUser = Pick<UserDocument, 'phone' | 'name' | 'passwordHash' | 'passwordSetAt' | 'phoneVerifiedAt' | 'role' | 'mustChangePassword'>

export class UserService {
  readonly #deps: Dependencies
  readonly #users: Model<UserDocument>
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#users = deps.users
  }

  /** @throws Problem conflict where the phone has an account */
  async create(input: NewUser): Promise<UserDocument> {
    try {
      const user = await this.#users.create({ ...input, nameFolded: foldName(input.name), createdAt: new Date(), version: 1 })
      return user.toObject()
    } catch (error) {
      if (!isDuplicateKey(error)) throw error
      throw new Problem('conflict', 'This phone has an account', { cause: error })
    }
  }

  /** @throws Problem not_found, for a deleted account too */
  async get(userId: string): Promise<UserDocument> {
    const user = await this.#users.findOne(living(userId)).lean()
    if (!user) throw new Problem('not_found')
    return user
  }

  /** Those of these people who are there, or were and are deleted, in no order. */
  async among(userIds: readonly string[]): Promise<UserDocument[]> {
    return this.#users.find({ _id: { $in: userIds.map(toObjectId) } }).lean()
  }

  /**
   * Changes a profile, or what a person has set, and tells of it: the person's devices, and others of what they see.
   * @throws Problem not_found, validation_failed for an avatar that is not one's own, service_unavailable where too much is untold
   */
  async change(userId: string, input: ChangeMe): Promise<UserDocument> {
    const { outbox, source, worker } = this.#deps
    await this.#requireAvatar(userId, input.avatarUploadId)
    const { update, seenByOthers } = changeOf(input)
    const entry = outboxEntry(worker, 'user.updated', new Date(), seenByOthers ? { seen: 'others' } : undefined)
    const user = await this.#users
      .findOneAndUpdate(
        { ...living(userId), [`outbox.${mostUntold - 1}`]: { $exists: false } },
        { ...update, $inc: { version: 1 }, $push: { outbox: entry } },
        { returnDocument: 'after' },
      )
      .lean()
    if (!user) {
      await this.get(userId)
      throw new Problem('service_unavailable', 'Too many changes wait to be told')
    }
    outbox.publish(source, [user]) // the sweeper publishes it if this worker dies first
    return user
  }

  /** Of these people, those who let others see that they are there, and when they were there last. */
  async showingPresence(userIds: readonly string[]): Promise<Map<string, Date | null>> {
    const found = await this.#users.find({ _id: { $in: userIds.map(toObjectId) }, ...notDeleted }, { settings: 1, lastSeenAt: 1 }).lean()
    const showing = found.filter((user) => settingsOf(user).presence)
    return new Map(showing.map(({ _id, lastSeenAt }) => [_id.toHexString(), lastSeenAt ?? null]))
  }

  /** Of these people, those who do not let others see how far they have read; of the deleted it is not known any more, and not shown. */
  async hidingReadReceipts(userIds: readonly string[]): Promise<Set<string>> {
    const hiding = { $or: [{ 'settings.readReceipts': false }, { deletedAt: { $exists: true } }] }
    const found = await this.#users.find({ _id: { $in: userIds.map(toObjectId) }, ...hiding }, { _id: 1 }).lean()
    return new Set(found.map(({ _id }) => _id.toHexString()))
  }

  /** Notes when a person was there last; not within a minute of what is noted. */
  async noteSeen(userId: string, at: Date): Promise<void> {
    const minuteBefore = new Date(at.getTime() - 60_000)
    const due = { $or: [{ lastSeenAt: { $exists: false } }, { lastSeenAt: { $lt: minuteBefore } }] }
    await this.#users.updateOne({ ...living(userId), ...due }, { $set: { lastSeenAt: at } })
  }

  /** What a sign-in depends on, from the primary; null where there is nobody. */
  async standingOf(userId: Types.ObjectId): Promise<Standing | null> {
    return this.#users
      .findOne({ _id: userId, ...notDeleted }, { role: 1, suspendedAt: 1, mustChangePassword: 1, passwordSetAt: 1, 'totp.since': 1 })
      .read('primary')
      .lean()
  }

  /** @param email in lower case; only one that was proved is anybody's */
  async findByEmail(email: string): Promise<UserDocument | null> {
    return this.#users.findOne({ email }).lean()
  }

  async findByPhone(phone: string): Promise<UserDocument | null> {
    return this.#users.findOne({ phone, ...notDeleted }).lean()
  }

  /** @returns which of these ids are nobody's, or nobody's any more */
  async unknownAmong(userIds: readonly string[]): Promise<string[]> {
    const found = await this.#users.find({ _id: { $in: userIds.map(toObjectId) }, ...notDeleted }, { _id: 1 }).lean()
    const known = new Set(found.map((user) => user._id.toHexString()))
    return userIds.filter((id) => !known.has(id))
  }

  async #requireAvatar(userId: string, uploadId: string | null | undefined): Promise<void> {
    if (uploadId === undefined || (await this.#deps.useAsAvatar(userId, uploadId))) return
    const errors = [{ path: 'body.avatarUploadId', message: 'there is no such upload of yours' }]
    throw new Problem('validation_failed', undefined, { errors })
  }
}
