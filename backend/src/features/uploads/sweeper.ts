import { type Model, Types } from 'mongoose'
import type { Logger } from '../../platform/logger.js'
import type { Storage } from '../../platform/storage/storage.js'
import { keysOfAttempts, pendingKey, pendingPrefix } from './keys.js'
import { sweepIndex, type UploadDocument } from './model.js'
import type { UploadQuota } from './quota.js'
import { pendingMs } from './service.js'
import { aboutToMs, isAboutToBeUsed, type UploadUses } from './uses.js'

interface Dependencies {
  readonly uploads: Model<UploadDocument>
  readonly quota: UploadQuota
  readonly uses: Pick<UploadUses, 'isUsed'>
  readonly storage: Storage
  readonly logger: Logger
}

/** What is in use is looked at again after this, in case nobody said that it is no more. */
const lookAgainMs = 30 * 86_400_000
/** What could not be done now. */
const tryAgainMs = 60_000
const openMs = 600_000
/** Longer than a URL that takes something is good. */
const strayMs = 2 * pendingMs
const mostStrays = 1000

/**
 * Removes what nobody needs: what was never completed, what nothing shows any more, what was left by whoever died. Marked first, then the files
 * go, then what it counted, then the upload itself: each step may be done again.
 */
export class UploadSweeper {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Looks at those due longest. @returns how many were due */
  async sweep(most: number): Promise<number> {
    const { uploads, logger } = this.#deps
    const due = await uploads
      .find({ sweepAt: { $lte: new Date() } })
      .sort({ sweepAt: 1 })
      .hint(sweepIndex)
      .limit(most)
      .read('primary')
      .lean()
    for (const upload of due) {
      try {
        await this.#sweepOne(upload)
      } catch (error) {
        logger.warn({ err: error, uploadId: upload._id.toHexString() }, 'an upload could not be swept')
        await this.#putOff(upload, tryAgainMs) // so that those behind it get their turn
      }
    }
    return due.length
  }

  /** Takes back what was counted for uploads that were never stored. */
  async takeBack(most: number): Promise<number> {
    const { uploads, quota } = this.#deps
    const open = await quota.openSince(new Date(Date.now() - openMs), most)
    for (const counted of open) {
      const stored = await uploads.exists({ _id: counted.uploadId }).read('primary')
      await (stored ? quota.settle(counted) : quota.release(counted))
    }
    return open.length
  }

  /** Removes what was PUT before this moment for uploads that are not pending any more, and ends multiparts that nobody knows. @returns how many */
  async removeStrays(goOn: () => Promise<boolean>, before = new Date(Date.now() - strayMs)): Promise<number> {
    const { storage } = this.#deps
    let removed = 0
    for await (const { key, modifiedAt } of storage.list(pendingPrefix)) {
      if (modifiedAt >= before || (await this.#isPending(key))) continue
      if (removed >= mostStrays || !(await goOn())) return removed
      await storage.remove([key])
      removed += 1
    }
    for await (const { key, uploadId, begunAt } of storage.multiparts()) {
      if (!key.startsWith(pendingPrefix) || begunAt >= before || (await this.#isPending(key, uploadId))) continue
      if (removed >= mostStrays || !(await goOn())) return removed
      await storage.abortMultipart({ key, uploadId })
      removed += 1
    }
    return removed
  }

  async #isPending(key: string, multipart?: string): Promise<boolean> {
    const id = key.slice(pendingPrefix.length)
    if (!Types.ObjectId.isValid(id)) return false
    const pending = { _id: new Types.ObjectId(id), status: 'pending' as const }
    const known = await this.#deps.uploads.exists({ ...pending, ...(multipart !== undefined && { 'multipart.uploadId': multipart }) })
    return known !== null
  }

  async #sweepOne(upload: UploadDocument): Promise<void> {
    if (upload.status === 'removed') return this.#remove(upload)
    if (upload.status === 'ready' && (await this.#deps.uses.isUsed(upload))) return this.#putOff(upload, lookAgainMs)
    if (upload.status === 'ready' && isAboutToBeUsed(upload)) return this.#putOff(upload, aboutToMs)
    const { _id, status, sweepAt, usedAt = { $exists: false } } = upload
    const unclaimed = { $or: [{ claim: { $exists: false } }, { 'claim.until': { $lt: new Date() } }] }
    const removed = await this.#deps.uploads
      .findOneAndUpdate(
        { _id, status, sweepAt, usedAt, ...unclaimed }, // what came to be used meanwhile has other times
        { $set: { status: 'removed' } },
        { returnDocument: 'after' },
      )
      .lean()
    if (removed) return this.#remove(removed)
    await this.#putOff(upload, tryAgainMs)
  }

  async #remove(upload: UploadDocument): Promise<void> {
    const { uploads, quota, storage } = this.#deps
    const { _id, ownerId, size, multipart, attempts = [] } = upload
    const key = pendingKey(upload)
    if (multipart) await storage.abortMultipart({ key, uploadId: multipart.uploadId })
    await storage.remove([key, ...keysOfAttempts(attempts)])
    await quota.release({ ownerId, uploadId: _id, size })
    const { deletedCount } = await uploads.deleteOne({ _id, status: 'removed', outbox: { $exists: false } })
    if (deletedCount === 0) await this.#putOff(upload, tryAgainMs) // it has something to tell
  }

  /** @param upload with the time that it was found by: where that has changed, it stays as it is now */
  async #putOff({ _id, sweepAt }: UploadDocument, byMs: number): Promise<void> {
    await this.#deps.uploads.updateOne({ _id, sweepAt }, { $set: { sweepAt: new Date(Date.now() + byMs) } })
  }
}
