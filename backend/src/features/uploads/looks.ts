import { setTimeout as sleep } from 'node:timers/promises'
import type { Model, Types } from 'mongoose'
import type { UploadDocument } from './model.js'

const firstMs = 100
const mostMs = 1000

/** How long to wait before a look, after so many that saw nothing new: 100 ms, then twice as long each time, up to a second. */
const waitMs = (looks: number): number => Math.min(firstMs * 2 ** looks, mostMs)

/** Looks at uploads that somebody checks: one look for all who wait for the same one at this worker. */
export class Looks {
  readonly #uploads: Model<UploadDocument>
  readonly #underWay = new Map<string, Promise<UploadDocument | null>>()
  constructor(uploads: Model<UploadDocument>) {
    this.#uploads = uploads
  }

  /** @param looks how many whoever asks has had. @returns what is there a while later; null where it is gone */
  next(_id: Types.ObjectId, looks: number): Promise<UploadDocument | null> {
    const id = _id.toHexString()
    const look = this.#underWay.get(id) ?? this.#look(_id, looks).finally(() => this.#underWay.delete(id))
    this.#underWay.set(id, look)
    return look
  }

  async #look(_id: Types.ObjectId, looks: number): Promise<UploadDocument | null> {
    await sleep(waitMs(looks))
    return this.#uploads.findOne({ _id }).read('primary').lean()
  }
}
