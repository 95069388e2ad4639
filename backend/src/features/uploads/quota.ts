import type { Model, Types } from 'mongoose'
import { Problem } from '../../http/problem.js'
import { upserting } from '../../platform/upsert.js'
import { isWriteConflict } from '../../platform/write-conflict.js'
import type { UploadRules } from './rules.js'
import { openIndex, type UploadUsageDocument } from './usage-model.js'

interface Dependencies {
  readonly usage: Model<UploadUsageDocument>
  readonly rules: Pick<UploadRules, 'quotaBytes' | 'dailyBytes'>
}

interface Counted {
  readonly ownerId: Types.ObjectId
  readonly uploadId: Types.ObjectId
  /** Bytes. */
  readonly size: number
}

const mostClosed = 1000
const mostAttempts = 10

const dayOf = (at: Date): string => at.toISOString().slice(0, 10)
const secondsToNextDay = (now: Date): number => Math.ceil((86_400_000 - (now.getTime() % 86_400_000)) / 1000)

/**
 * What each person may have uploaded, and may upload in a day. A reservation is one conditional write of one document, so requests at once cannot
 * pass it together; what was reserved and never stored is found and taken back.
 */
export class UploadQuota {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Counts an upload; again changes nothing. @throws Problem quota_exceeded, and rate_limited where the day's part is used up */
  async reserve({ ownerId, uploadId, size }: Counted): Promise<void> {
    const { usage, rules } = this.#deps
    const { quotaBytes, dailyBytes } = rules
    const now = new Date()
    const today = dayOf(now)
    const room = { bytes: { $lte: quotaBytes - size }, dayBytes: { $lte: dailyBytes - size }, 'open.uploadId': { $ne: uploadId } }
    const reserving = () =>
      usage.updateOne(
        { _id: ownerId, day: { $gte: today }, ...room },
        { $inc: { bytes: size, dayBytes: size }, $push: { open: { uploadId, size, at: now } }, $pull: { closed: uploadId } },
      )
    if ((await writing(reserving)).matchedCount === 1) return
    await this.#begin(ownerId, today)
    if ((await writing(reserving)).matchedCount === 1) return
    const used = await usage.findById(ownerId).read('primary').lean()
    if (!used || used.open?.some((open) => open.uploadId.equals(uploadId))) return
    if (used.bytes + size > quotaBytes) {
      throw new Problem('quota_exceeded', `Your uploads may have ${quotaBytes} bytes together, and have ${used.bytes}`)
    }
    const detail = `${dailyBytes} bytes a day may be uploaded, and ${used.dayBytes} were`
    throw new Problem('rate_limited', detail, { retryAfterSeconds: secondsToNextDay(now) })
  }

  /** To be called once what was reserved is stored. */
  async settle({ ownerId, uploadId }: Omit<Counted, 'size'>): Promise<void> {
    await writing(() => this.#deps.usage.updateOne({ _id: ownerId }, { $pull: { open: { uploadId } } }))
  }

  /** Counts an upload no more; again changes nothing. What was begun in a day stays begun. */
  async release({ ownerId, uploadId, size }: Counted): Promise<void> {
    await writing(() =>
      this.#deps.usage.updateOne(
        { _id: ownerId, closed: { $ne: uploadId } },
        { $inc: { bytes: -size }, $push: { closed: { $each: [uploadId], $slice: -mostClosed } }, $pull: { open: { uploadId } } },
      ),
    )
  }

  /** What was reserved before this moment, and never settled. */
  async openSince(before: Date, most: number): Promise<Counted[]> {
    const found = await this.#deps.usage
      .find({ 'open.at': { $lt: before } })
      .hint(openIndex)
      .limit(most)
      .read('primary')
      .lean()
    return found.flatMap(({ _id: ownerId, open = [] }) =>
      open.filter(({ at }) => at < before).map(({ uploadId, size }) => ({ ownerId, uploadId, size })),
    )
  }

  async #begin(ownerId: Types.ObjectId, today: string): Promise<void> {
    const { usage } = this.#deps
    await upserting(() => usage.updateOne({ _id: ownerId }, { $setOnInsert: { bytes: 0, day: today, dayBytes: 0 } }, { upsert: true }))
    await writing(() => usage.updateOne({ _id: ownerId, day: { $lt: today } }, { $set: { day: today, dayBytes: 0 } }))
  }
}

/** Writes anew where another write was under way. */
const writing = async <T>(write: () => Promise<T>): Promise<T> => {
  for (let attempts = 1; ; attempts++) {
    try {
      return await write()
    } catch (error) {
      if (attempts >= mostAttempts || !isWriteConflict(error)) throw error
    }
  }
}
