import { type Model, Types } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { Expected } from '../../platform/storage/comparison.js'
import { keysOfAttempts, originalKey, pendingKey, pendingPrefix, thumbnailKey } from './keys.js'
import type { UploadDocument } from './model.js'

type Uploads = Model<UploadDocument>

const batchSize = 500

/** What the storage ought to hold: what an upload may have written is known as long as there is a row, and of what is ready all files are there. */
export const expectedOf = (uploads: Uploads): Expected => ({
  async known(keys) {
    const ids = idsIn(keys.filter((key) => key.startsWith(pendingPrefix)))
    const attempts = idsIn(keys.filter((key) => !key.startsWith(pendingPrefix)))
    const announced = await uploads
      .find({ _id: { $in: ids } }, { _id: 1 })
      .read('primary')
      .lean()
    const written = await uploads
      .find({ attempts: { $in: attempts } }, { attempts: 1 })
      .read('primary')
      .lean()
    return new Set([...announced.map(pendingKey), ...written.flatMap((upload) => keysOfAttempts(upload.attempts ?? []))])
  },

  /** In pages: looking after the files of one takes longer than a cursor may wait. */
  async *ready(before) {
    let after = new Types.ObjectId('0'.repeat(24))
    for (;;) {
      const page: UploadDocument[] = await uploads
        .find({ _id: { $gt: after }, status: 'ready', readyAt: { $lt: before } })
        .sort({ _id: 1 })
        .limit(batchSize)
        .read('primary')
        .lean()
      for (const upload of page) yield* filesOf(upload)
      const last = page.at(-1)
      if (!last || page.length < batchSize) return
      after = last._id
    }
  },

  async stillReady(id) {
    return (await uploads.exists({ _id: toObjectId(id), status: 'ready' }).read('primary')) !== null
  },
})

/** Whose they are: the id of an upload, or of an attempt. */
const idsIn = (keys: readonly string[]): Types.ObjectId[] =>
  keys.flatMap((key) => (Types.ObjectId.isValid(key.split('/')[1] ?? '') ? [new Types.ObjectId(key.split('/')[1])] : []))

const filesOf = ({ _id, servedFrom, thumbnail }: UploadDocument): { id: string; key: string }[] => {
  if (!servedFrom) return []
  const keys = [originalKey(servedFrom), ...(thumbnail ? [thumbnailKey(servedFrom)] : [])]
  return keys.map((key) => ({ id: _id.toHexString(), key }))
}
