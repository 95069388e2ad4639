import { type Model, Types } from 'mongoose'
import type { SessionDocument, SessionService } from '../sessions/index.js'
import { notDeleted, type UserDocument } from '../users/index.js'
import { batchSize, type Job, mostBatches } from './job.js'

interface Dependencies {
  readonly sessions: Model<SessionDocument>
  readonly users: Model<UserDocument>
  readonly ending: Pick<SessionService, 'revokeAll'>
}

/** Sessions of people who are gone or suspended, whose end a worker that died did not get to. Begins each time where it stopped. */
export const orphanedSessions = ({ sessions, users, ending }: Dependencies): Job => {
  let position: Types.ObjectId | undefined

  const nextBatch = (): Promise<Pick<SessionDocument, '_id' | 'userId'>[]> =>
    sessions
      .find({ ...(position && { _id: { $gt: position } }), revokedAt: { $exists: false } }, { userId: 1 })
      .sort({ _id: 1 })
      .limit(batchSize)
      .lean()

  return {
    name: 'sessions of nobody',

    async run(goOn) {
      let ended = 0
      for (let batch = 0; batch < mostBatches && (await goOn()); batch++) {
        const found = await nextBatch()
        position = found.length < batchSize ? undefined : found.at(-1)?._id
        const userIds = [...new Set(found.map(({ userId }) => userId.toHexString()))]
        const good = await users
          .find({ _id: { $in: userIds.map(toId) }, suspendedAt: { $exists: false }, ...notDeleted }, { _id: 1 })
          .read('primary')
          .lean()
        const known = new Set(good.map(({ _id }) => _id.toHexString()))
        for (const userId of userIds) {
          if (known.has(userId)) continue
          if (!(await goOn())) return ended // ending sessions may wait for Redis
          const user = await users.exists({ _id: toId(userId), ...notDeleted })
          ended += await ending.revokeAll(userId, { reason: user ? 'suspended' : 'account_deleted' })
        }
        if (position === undefined) break
      }
      return ended
    },
  }
}

const toId = (id: string): Types.ObjectId => Types.ObjectId.createFromHexString(id)
