import type { Model } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import { living } from './living.js'
import { lostPhoneOf, type UserDocument, userSchema } from './model.js'

interface Dependencies {
  readonly users: Model<UserDocument>
  readonly outbox: Outbox
  readonly source: OutboxSource
  /** This worker's name in outboxes. */
  readonly worker: string
}

/** What a deleted person is called. */
const deletedName = 'Deleted user'

/** What is left of somebody. */
const kept = new Set<string>([
  '_id',
  'phone', // none
  'name', // everybody's
  'nameFolded', // empty
  'createdAt',
  'version',
  'changedAt',
  'deletedAt',
  'outbox',
] satisfies (keyof UserDocument)[])

/** All else goes, whatever a person comes to have. */
const gone = (): Record<string, ''> => {
  const fields = Object.keys(userSchema.paths).map((path) => path.split('.')[0] ?? path)
  return Object.fromEntries(fields.filter((field) => !kept.has(field)).map((field) => [field, '']))
}

/** The end of accounts. */
export class UserClosing {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Nobody is this person any more, and their phone and e-mail address are free: in one write, which tells whom they share conversations with. Again changes nothing. */
  async close(userId: string): Promise<void> {
    const { users, outbox, source, worker } = this.#deps
    const at = new Date()
    const user = await users
      .findOneAndUpdate(
        living(userId),
        {
          $set: { phone: lostPhoneOf(userId), name: deletedName, nameFolded: '', deletedAt: at },
          $unset: gone(),
          $inc: { version: 1 },
          $push: { outbox: outboxEntry(worker, 'user.updated', at, { seen: 'others' }) },
        },
        { returnDocument: 'after' },
      )
      .lean()
    if (user) outbox.publish(source, [user]) // the sweeper publishes it if this worker dies first
  }

  /** Resolves when it is told. Whom it is told to is settled by what they share: so before they leave that. @throws where it cannot be told yet */
  async told(userId: string): Promise<void> {
    const { users, outbox, source } = this.#deps
    const user = await users
      .findOne({ _id: toObjectId(userId), outbox: { $exists: true } })
      .read('primary')
      .lean()
    if (user && !(await outbox.publishAndWait(source, user))) throw new Error('That an account is deleted cannot be told yet')
  }
}
