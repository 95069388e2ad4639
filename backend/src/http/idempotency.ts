import { createHash } from 'node:crypto'
import { type Model, Types } from 'mongoose'
import { z } from 'zod'
import { isDuplicateKey } from '../platform/duplicate-key.js'
import { isWriteConflict } from '../platform/write-conflict.js'
import type { IdempotencyDocument } from './idempotency-model.js'
import { Problem } from './problem.js'

/** A client makes one for each request, and shows it again when it asks again. */
export const IdempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, '1 to 255 visible ASCII characters')
  .meta({ description: 'Made by the client, once per request, and kept for 24 h: the same request again makes nothing twice' })

interface Asked {
  readonly userId: string
  readonly key: string
  readonly method: string
  readonly path: string
  /** As it came: a schema may put in what depends on the time. */
  readonly body: unknown
}

interface Answer {
  readonly status: number
  readonly body?: unknown
}
const made = 201

const keptMs = 24 * 3_600_000
/** Longer than any request takes. One that is begun anew before the first has ended makes the same thing, once. */
const busyMs = 60_000
const mostAttempts = 5

const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64url')

/**
 * Answers a request that is made again as it was answered first. What it makes has an id that was stored before it was begun, so that it is made
 * once even where a worker died between. An answer that nothing was made is not kept: it shows what was there, which may since have been deleted.
 */
export class Idempotency {
  readonly #keys: Model<IdempotencyDocument>
  readonly #busyMs: number
  constructor(deps: { readonly keys: Model<IdempotencyDocument>; readonly busyMs?: number }) {
    this.#keys = deps.keys
    this.#busyMs = deps.busyMs ?? busyMs
  }

  /**
   * @param work makes the thing with this id, or finds it made @param keepsAnswer else who asks again has the work done again, with the same id
   * @throws Problem conflict where the key was used for another request, or the first is not answered yet; what `work` throws, which is not kept
   */
  async once(asked: Asked, work: (newId: string) => Promise<Answer>, keepsAnswer: boolean): Promise<Answer> {
    const id = `${asked.userId}:${hashOf(asked.key)}`
    const requestHash = hashOf(JSON.stringify([asked.method, asked.path, asked.body]))
    const { newId, answer } = await this.#begin(id, requestHash)
    if (answer) return { status: answer.status, ...(answer.body !== '' && { body: JSON.parse(answer.body) as unknown }) }
    try {
      const reply = await work(newId.toHexString())
      const kept = keepsAnswer && reply.status === made ? { answer: { status: reply.status, body: textOf(reply.body) } } : notBusy
      await this.#keys.updateOne({ _id: id, newId }, { $set: kept })
      return reply
    } catch (error) {
      await this.#end(id, newId, error).catch(() => undefined) // then it is busy until that time is over
      throw error
    }
  }

  /** @returns what is to be done, or was answered */
  async #begin(_id: string, requestHash: string): Promise<Pick<IdempotencyDocument, 'newId' | 'answer'>> {
    for (let attempt = 1; attempt <= mostAttempts; attempt++) {
      const now = Date.now()
      const busyUntil = new Date(now + this.#busyMs)
      const known = await this.#keys.findOne({ _id }).read('primary').readConcern('majority').lean()
      if (known && known.requestHash !== requestHash) throw new Problem('conflict', 'This Idempotency-Key was used for another request')
      if (known?.answer) return known
      if (known && known.busyUntil.getTime() > now) throw stillBusy()
      const mine = known
        ? await this.#keys.findOneAndUpdate({ _id, busyUntil: known.busyUntil, answer: { $exists: false } }, { $set: { busyUntil } }).lean()
        : await this.#insert({ _id, requestHash, newId: new Types.ObjectId(), busyUntil, expiresAt: new Date(now + keptMs) })
      if (mine) return { newId: mine.newId }
    }
    throw stillBusy()
  }

  /** @returns null where another request was first */
  async #insert(document: IdempotencyDocument): Promise<IdempotencyDocument | null> {
    try {
      await this.#keys.create([document])
      return document
    } catch (error) {
      if (isDuplicateKey(error) || isWriteConflict(error)) return null
      throw error
    }
  }

  /** A refusal has made nothing: the key is free again. Else it may have: who asks again makes the same thing. */
  async #end(_id: string, newId: Types.ObjectId, error: unknown): Promise<void> {
    if (error instanceof Problem && error.status < 500) await this.#keys.deleteOne({ _id, newId })
    else await this.#keys.updateOne({ _id, newId }, { $set: notBusy })
  }
}

const notBusy = { busyUntil: new Date(0) }
const textOf = (body: unknown): string => (body === undefined ? '' : JSON.stringify(body))

const stillBusy = (): Problem =>
  new Problem('conflict', 'The request with this Idempotency-Key is not answered yet', { retryAfterSeconds: 1 })
