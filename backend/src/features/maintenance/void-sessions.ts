import { type Model, Types } from 'mongoose'
import type { SessionDocument } from '../sessions/index.js'
import { batchSize, type Job, mostBatches } from './job.js'

interface Dependencies {
  readonly sessions: Model<SessionDocument>
  /** Since when sessions count; see `Admission`. */
  readonly sessionsValidFrom: () => Date | undefined
}

/** Sessions from before all were ended are refused by every worker: their documents go, but for those that have something to tell. */
export const voidSessions = ({ sessions, sessionsValidFrom }: Dependencies): Job => ({
  name: 'sessions from before all were ended',

  async run(goOn) {
    const validFrom = sessionsValidFrom()
    if (!validFrom) return 0
    const nextSecond = Types.ObjectId.createFromTime(Math.floor(validFrom.getTime() / 1000) + 1)
    let removed = 0
    for (let batch = 0; batch < mostBatches && (await goOn()); batch++) {
      const found = await sessions
        .find({ _id: { $lt: nextSecond }, outbox: { $exists: false } }, { _id: 1 })
        .limit(batchSize)
        .lean()
      if (found.length === 0) break
      const ids = found.map(({ _id }) => _id)
      removed += (await sessions.deleteMany({ _id: { $in: ids }, outbox: { $exists: false } })).deletedCount
    }
    return removed
  },
})
