import type { Model } from 'mongoose'
import type { Caller } from '../../http/endpoint.js'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import { isDuplicateKey } from '../../platform/duplicate-key.js'
import type { SignedRequest, Storage } from '../../platform/storage/storage.js'
import { isWriteConflict } from '../../platform/write-conflict.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import { pendingKey } from './keys.js'
import type { UploadDocument } from './model.js'
import type { UploadQuota } from './quota.js'
import { mostInOnePut, partBytes, partSizesOf, requireAllowed, type UploadRules } from './rules.js'
import type { BeginUpload } from './schema.js'
import type { UploadUses } from './uses.js'
import { withStorage } from './with-storage.js'

interface Dependencies {
  readonly uploads: Model<UploadDocument>
  readonly storage: Storage
  readonly quota: UploadQuota
  readonly rules: UploadRules
  readonly uses: Pick<UploadUses, 'requireUnused'>
  readonly outbox: Pick<Outbox, 'publish'>
  readonly source: OutboxSource
  /** This worker's name in outboxes. */
  readonly worker: string
}

export interface SignedPart {
  readonly number: number
  readonly request: SignedRequest
}

/** What a client has to PUT: all at once, or in parts. */
export interface Begun {
  readonly upload: UploadDocument
  readonly put?: SignedRequest
  readonly parts?: readonly SignedPart[]
}

export const pendingMs = 3_600_000

/** Uploads of one's own: begun, and removed. What is between is `Completion`'s. */
export class UploadService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Begins an upload and signs what is to be PUT. @param newId its id; what has it already is signed anew
   * @throws Problem validation_failed, quota_exceeded, rate_limited for a day's part, service_unavailable
   */
  async begin(caller: Caller, input: BeginUpload, newId: string): Promise<Begun> {
    const { storage, rules } = this.#deps
    requireAllowed(input, rules)
    return withStorage(storage, async (there) => {
      const upload = (await this.#find(caller, newId)) ?? (await this.#insert(there, caller, input, newId))
      if (upload.status !== 'pending') throw new Problem('conflict', 'This upload is completed')
      return this.#signed(there, upload)
    })
  }

  /** Fresh URLs for parts of an upload. @throws Problem not_found, conflict where it has no such parts or is completed */
  async signParts(caller: Caller, uploadId: string, numbers: readonly number[]): Promise<readonly SignedPart[]> {
    const upload = await this.getOwn(caller, uploadId)
    if (upload.status !== 'pending') throw new Problem('conflict', 'This upload is completed')
    if (!upload.multipart) throw new Problem('conflict', 'This upload does not come in parts')
    return withStorage(this.#deps.storage, (storage) => this.#signParts(storage, upload, numbers))
  }

  /** @throws Problem not_found for another's, and for a removed one */
  async getOwn(caller: Caller, uploadId: string): Promise<UploadDocument> {
    const upload = await this.#find(caller, uploadId)
    if (!upload || upload.status === 'removed') throw new Problem('not_found')
    return upload
  }

  /** Removes an upload, or aborts it; its files follow. @throws Problem not_found, conflict where something shows it */
  async remove(caller: Caller, uploadId: string): Promise<void> {
    const { uploads, uses, outbox, source, worker } = this.#deps
    const before = await this.getOwn(caller, uploadId)
    if (before.status === 'ready') await uses.requireUnused(before)
    const now = new Date()
    const { _id, ownerId, status, sweepAt } = before
    const upload = await uploads
      .findOneAndUpdate(
        { _id, ownerId, status, ...(status === 'ready' && { sweepAt }) }, // of what is attached meanwhile it has changed
        { $set: { status: 'removed', sweepAt: now }, $push: { outbox: outboxEntry(worker, 'upload.updated', now) } },
        { returnDocument: 'after' },
      )
      .lean()
    if (!upload) throw new Problem('conflict', 'The upload has just changed; try again')
    outbox.publish(source, [upload]) // the sweeper publishes it if this worker dies first
  }

  async #find({ userId }: Caller, uploadId: string): Promise<UploadDocument | null> {
    return this.#deps.uploads
      .findOne({ _id: toObjectId(uploadId), ownerId: toObjectId(userId) })
      .read('primary')
      .lean()
  }

  /** Counted before it is stored, so that nobody passes the quota; what dies in between the sweeper finds. */
  async #insert(storage: Storage, { userId }: Caller, input: BeginUpload, newId: string): Promise<UploadDocument> {
    const { uploads, quota } = this.#deps
    const { fileName, contentType, size, checksumSha256: sha256, purpose } = input
    const [_id, ownerId, now] = [toObjectId(newId), toObjectId(userId), new Date()]
    const key = pendingKey({ _id })
    // First of all: where the storage is away, nothing is counted.
    const multipart = size > mostInOnePut ? { ...(await storage.beginMultipart({ key, contentType })), partBytes } : undefined
    try {
      await quota.reserve({ ownerId, uploadId: _id, size })
    } catch (error) {
      if (multipart) await storage.abortMultipart({ key, ...multipart }).catch(() => undefined) // else the sweeper ends it
      throw error
    }
    const sweepAt = new Date(now.getTime() + pendingMs)
    const upload: UploadDocument = {
      _id,
      ownerId,
      purpose,
      fileName,
      contentType,
      size,
      sha256,
      status: 'pending',
      ...(multipart && { multipart }),
      sweepAt,
      createdAt: now,
    }
    try {
      await uploads.create([upload])
    } catch (error) {
      const first = isDuplicateKey(error) || isWriteConflict(error) ? await this.#find({ userId, sessionId: userId }, newId) : null
      if (!first) throw error
      return first // the same request was made twice at once
    }
    await quota.settle({ ownerId, uploadId: _id })
    return upload
  }

  async #signed(storage: Storage, upload: UploadDocument): Promise<Begun> {
    const { size, contentType, sha256, multipart } = upload
    if (!multipart) return { upload, put: await storage.presignPut({ key: pendingKey(upload), size, contentType, sha256 }) }
    const numbers = partSizesOf(size, multipart.partBytes).map((_, n) => n + 1)
    return { upload, parts: await this.#signParts(storage, upload, numbers) }
  }

  async #signParts(storage: Storage, upload: UploadDocument, numbers: readonly number[]): Promise<SignedPart[]> {
    const { size, multipart } = upload
    if (!multipart) return []
    const sizes = partSizesOf(size, multipart.partBytes)
    const signing = numbers.map(async (number, n) => {
      const bytes = sizes[number - 1]
      const errors = [{ path: `body.numbers.${n}`, message: `the parts are 1 to ${sizes.length}` }]
      if (bytes === undefined) throw new Problem('validation_failed', undefined, { errors })
      const part = { key: pendingKey(upload), uploadId: multipart.uploadId, number, size: bytes }
      return { number, request: await storage.presignPart(part) }
    })
    return Promise.all(signing)
  }
}
