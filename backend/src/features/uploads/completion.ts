import { type Model, Types } from 'mongoose'
import type { Caller } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { Logger } from '../../platform/logger.js'
import type { Storage } from '../../platform/storage/storage.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import { checkUpload, type Outcome, requireParts } from './checking.js'
import type { Inspection, SeenContent } from './inspection.js'
import { keysOfAttempts, pendingKey } from './keys.js'
import { Looks } from './looks.js'
import type { UploadDocument } from './model.js'
import type { CompleteUpload } from './schema.js'
import type { UploadService } from './service.js'
import { withStorage } from './with-storage.js'

interface Dependencies {
  readonly uploads: Model<UploadDocument>
  readonly service: Pick<UploadService, 'getOwn'>
  readonly storage: Storage
  readonly inspection: Inspection
  readonly outbox: Pick<Outbox, 'publish'>
  readonly source: OutboxSource
  /** This worker's name in outboxes. */
  readonly worker: string
  readonly logger: Logger
  /** How long a worker that is not heard of counts as checking. */
  readonly claimMs?: number
}

type Claimed = UploadDocument & Required<Pick<UploadDocument, 'claim'>>

const defaultClaimMs = 30_000
const mostWaitMs = 25_000
const unattachedKeptMs = 24 * 3_600_000
const refusedKeptMs = 3_600_000
/** Each may have left files. */
const mostAttempts = 200

/**
 * Makes of what was PUT what can be had. One worker at a time does it, and another one where that dies; nothing that is served is ever at a key
 * that a client can write: what came is copied first, and only the copy is looked at.
 */
export class Completion {
  readonly #deps: Dependencies
  readonly #claimMs: number
  readonly #looks: Looks
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#looks = new Looks(deps.uploads)
    this.#claimMs = deps.claimMs ?? defaultClaimMs
  }

  /**
   * Again answers the same. @throws Problem not_found for another's, conflict where nothing was PUT yet, upload_refused where it is not what was
   * announced, validation_failed for wrong parts, service_unavailable where it can be tried again
   */
  async complete(caller: Caller, uploadId: string, { parts }: CompleteUpload): Promise<UploadDocument> {
    const endsAt = Date.now() + mostWaitMs
    let upload = await this.#deps.service.getOwn(caller, uploadId)
    for (let looks = 0; ; looks++) {
      if (upload.status === 'refused') throw new Problem('upload_refused', upload.refusal)
      if (upload.status === 'ready') return upload
      requireParts(upload, parts)
      if ((upload.attempts?.length ?? 0) >= mostAttempts) throw new Problem('conflict', 'This has failed too often: begin another upload')
      const claimed = isHeld(upload) ? null : await this.#claim(upload)
      if (claimed) await this.#process(claimed, parts)
      else if (Date.now() > endsAt) throw new Problem('service_unavailable', 'The upload is being checked; ask again')
      upload = claimed ? await this.#deps.service.getOwn(caller, uploadId) : await this.#lookAgain(upload, looks)
    }
  }

  /** @throws Problem not_found where it was removed meanwhile */
  async #lookAgain({ _id }: UploadDocument, looks: number): Promise<UploadDocument> {
    const upload = await this.#looks.next(_id, looks)
    if (!upload || upload.status === 'removed') throw new Problem('not_found')
    return upload
  }

  /** @returns null where another one checks it */
  async #claim({ _id, ownerId }: UploadDocument): Promise<Claimed | null> {
    const now = Date.now()
    const attempt = new Types.ObjectId()
    const free = { $or: [{ claim: { $exists: false } }, { 'claim.until': { $lt: new Date(now) } }] }
    const claimed = await this.#deps.uploads
      .findOneAndUpdate(
        { _id, ownerId, status: 'pending', [`attempts.${mostAttempts - 1}`]: { $exists: false }, ...free },
        { $set: { claim: { attempt, until: new Date(now + this.#claimMs) } }, $push: { attempts: attempt } },
        { returnDocument: 'after' },
      )
      .lean()
    return claimed && Object.assign(claimed, { claim: { attempt, until: new Date(now + this.#claimMs) } })
  }

  async #process(upload: Claimed, parts: CompleteUpload['parts']): Promise<void> {
    const { storage, inspection, logger } = this.#deps
    const { attempt } = upload.claim
    const renewing = setInterval(() => {
      this.#renew(upload).catch((error: unknown) => logger.warn({ err: error }, 'a claim was not renewed'))
    }, this.#claimMs / 3)
    try {
      await withStorage(storage, async (there) => {
        const outcome = await checkUpload({ storage: there, inspection }, { upload, attempt, parts })
        const stored = await this.#end(upload, outcome)
        const others = (upload.attempts ?? []).filter((each) => !each.equals(attempt))
        const isServed = stored?.status === 'ready'
        const left = keysOfAttempts(isServed ? others : [...others, attempt])
        await this.#tidy(there, stored ? [pendingKey(upload), ...left] : left)
      })
    } catch (error) {
      if (await this.#letGo(upload, error)) throw error
      logger.warn({ err: error, uploadId: upload._id.toHexString() }, 'an upload was taken over')
      await this.#leaveNothing(upload) // what became of it is another one's to say
    } finally {
      clearInterval(renewing)
    }
  }

  /** @returns null where it is not this attempt's any more */
  async #end({ _id, claim }: Claimed, outcome: Outcome): Promise<UploadDocument | null> {
    const { uploads, outbox, source, worker } = this.#deps
    const now = new Date()
    const stored = await uploads
      .findOneAndUpdate(
        { _id, status: 'pending', 'claim.attempt': claim.attempt },
        {
          $set: 'refusal' in outcome ? refused(outcome.refusal, now) : ready(outcome, claim.attempt, now),
          $unset: { claim: '', multipart: '' },
          $push: { outbox: outboxEntry(worker, 'upload.updated', now) },
        },
        { returnDocument: 'after' },
      )
      .lean()
    if (stored) outbox.publish(source, [stored]) // the sweeper publishes it if this worker dies first
    return stored
  }

  /** Its claim is gone: what it has not stored by now it never will, and what it has is served, though the answer to that was lost. */
  async #leaveNothing({ _id, claim: { attempt } }: Claimed): Promise<void> {
    const served = await this.#deps.uploads.exists({ _id, servedFrom: attempt }).read('primary')
    if (!served) await this.#tidy(this.#deps.storage, keysOfAttempts([attempt]))
  }

  /** What is not removed now is with the upload, or by the look for what nobody knows. */
  async #tidy(storage: Storage, keys: readonly string[]): Promise<void> {
    await storage.remove(keys).catch((error: unknown) => this.#deps.logger.warn({ err: error }, 'files of an upload are left'))
  }

  async #renew({ _id, claim }: Claimed): Promise<void> {
    const until = new Date(Date.now() + this.#claimMs)
    await this.#deps.uploads.updateOne({ _id, 'claim.attempt': claim.attempt }, { $set: { 'claim.until': until } })
  }

  /** What the client has to do something about first has written nothing. @returns false where it was not this attempt's any more */
  async #letGo({ _id, claim: { attempt } }: Claimed, error: unknown): Promise<boolean> {
    const hasWritten = !(error instanceof Problem && error.status < 500)
    const letGo = { $unset: { claim: '' as const }, ...(!hasWritten && { $pull: { attempts: attempt } }) }
    try {
      return (await this.#deps.uploads.updateOne({ _id, 'claim.attempt': attempt }, letGo)).matchedCount === 1
    } catch (failed) {
      this.#deps.logger.warn({ err: failed }, 'a claim was not given back') // then it runs out
      return true
    }
  }
}

/** By another one, who lives. */
const isHeld = ({ claim }: UploadDocument): boolean => claim !== undefined && claim.until.getTime() >= Date.now()

const refused = (refusal: string, now: Date) => ({
  status: 'refused' as const,
  refusal,
  sweepAt: new Date(now.getTime() + refusedKeptMs),
})

const ready = ({ contentType, size, width, height, thumbnail }: SeenContent, attempt: Types.ObjectId, now: Date) => ({
  status: 'ready' as const,
  servedFrom: attempt,
  contentType,
  ...(size !== undefined && { servedSize: size }),
  ...(width !== undefined && { width }),
  ...(height !== undefined && { height }),
  ...(thumbnail && { thumbnail }),
  readyAt: now,
  sweepAt: new Date(now.getTime() + unattachedKeptMs),
})
