import type { Readable } from 'node:stream'
import type { Model } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { type Storage, StorageRefusal } from '../../platform/storage/storage.js'
import { originalKey } from './keys.js'
import type { UploadDocument } from './model.js'
import type { UploadUsageDocument } from './usage-model.js'

interface Dependencies {
  readonly uploads: Model<UploadDocument>
  readonly usage: Model<UploadUsageDocument>
  readonly storage: Pick<Storage, 'read'>
}

const pageSize = 100

/** All that one person has uploaded. */
export class UploadsOfOne {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** The newest first, a page at a time: whoever reads the files of one takes longer than a cursor may wait. */
  async *all(ownerId: string): AsyncGenerator<UploadDocument> {
    const theirs = { ownerId: toObjectId(ownerId), status: { $ne: 'removed' as const } }
    let last: UploadDocument | undefined
    for (;;) {
      const before = last ? { _id: { $lt: last._id } } : {}
      const page: UploadDocument[] = await this.#deps.uploads
        .find({ ...theirs, ...before })
        .sort({ _id: -1 })
        .limit(pageSize)
        .read('primary')
        .lean()
      yield* page
      last = page.at(-1)
      if (page.length < pageSize) return
    }
  }

  /** The bytes that are served, to be read to their end or destroyed; undefined where there are none any more. @throws StorageUnavailable */
  async open({ servedFrom }: UploadDocument): Promise<Readable | undefined> {
    if (!servedFrom) return undefined
    try {
      return await this.#deps.storage.read(originalKey(servedFrom))
    } catch (error) {
      if (error instanceof StorageRefusal) return undefined
      throw error
    }
  }

  /** When the person goes: what nothing shows is removed, and what comes to be shown no more; how much it was is not kept. Again changes nothing. */
  async forget(ownerId: string): Promise<void> {
    const { uploads, usage } = this.#deps
    const owner = toObjectId(ownerId)
    await uploads.updateMany({ ownerId: owner, status: { $ne: 'removed' } }, { $set: { sweepAt: new Date() } })
    await usage.deleteOne({ _id: owner })
  }
}
