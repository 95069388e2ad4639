import type { Model } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import { type Expected, type Orphan, orphans, removeOrphan } from '../../platform/storage/comparison.js'
import type { Storage } from '../../platform/storage/storage.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import { expectedOf } from './expected.js'
import { isThumbnailKey } from './keys.js'
import type { UploadDocument } from './model.js'

interface Dependencies {
  readonly uploads: Model<UploadDocument>
  readonly storage: Storage
  readonly outbox: Pick<Outbox, 'publish'>
  readonly source: OutboxSource
  /** This worker's name in outboxes. */
  readonly worker: string
}

interface Wish {
  /** Whether to remove what nobody knows of, and to mark what is lost. */
  readonly repair: boolean
  /** Whether to do so where so much differs that the two may not belong together. */
  readonly force: boolean
}

/** What one of the two has and the other has not. */
type Difference = Orphan & { readonly repaired: boolean }

/** What is looked at, and how much of it differs. */
type Tally = Record<'listed' | 'unknown' | 'expected' | 'missing', number>

/** So few may all differ. */
const fewDiffer = 20
/** For whoever asks why their file is gone. */
const lostKeptMs = 30 * 86_400_000

/** Compares uploads with what the storage holds, and brings them together again. Workers go on meanwhile. */
export class StorageCheck {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * What differs, of all that is older than an hour. It holds no more than a page of either at a time.
   * @throws StorageUnavailable; Problem conflict where more than half is to be repaired, and that was not forced: nothing is repaired then
   */
  async *check({ repair, force }: Wish, now = new Date()): AsyncGenerator<Difference> {
    const { storage, uploads } = this.#deps
    if (repair && !force) requireRelated(await this.#tally(now))
    for await (const orphan of orphans(storage, expectedOf(uploads), now))
      yield { ...orphan, repaired: repair && (await this.#repair(orphan)) }
  }

  async #tally(now: Date): Promise<Tally> {
    const { storage, uploads } = this.#deps
    const tally: Tally = { listed: 0, unknown: 0, expected: 0, missing: 0 }
    for await (const { kind } of orphans(storage, counted(expectedOf(uploads), tally), now))
      tally[kind === 'row' ? 'missing' : 'unknown'] += 1
    return tally
  }

  async #repair(orphan: Orphan): Promise<boolean> {
    if (orphan.kind === 'row') return this.#markLost(orphan.id, orphan.key)
    return removeOrphan(this.#deps.storage, orphan)
  }

  /** Who has lost a thumbnail goes without; whose file is lost is told so, and nobody is sent to it any more. */
  async #markLost(id: string, key: string): Promise<boolean> {
    const { uploads, outbox, source, worker } = this.#deps
    const now = new Date()
    const lost = { status: 'refused' as const, refusal: 'The storage has lost this file', sweepAt: new Date(now.getTime() + lostKeptMs) }
    const stored = await uploads
      .findOneAndUpdate(
        { _id: toObjectId(id), status: 'ready' },
        {
          ...(isThumbnailKey(key) ? { $unset: { thumbnail: '' } } : { $set: lost }),
          $push: { outbox: outboxEntry(worker, 'upload.updated', now) },
        },
        { returnDocument: 'after' },
      )
      .lean()
    if (stored) outbox.publish(source, [stored]) // the sweeper publishes it if this worker dies first
    return true // what is not ready any more is gone, or was marked with its other file
  }
}

const counted = (expected: Expected, tally: Tally): Expected => ({
  ...expected,

  known(keys) {
    tally.listed += keys.length
    return expected.known(keys)
  },

  async *ready(before) {
    for await (const file of expected.ready(before)) {
      tally.expected += 1
      yield file
    }
  },
})

const isMuch = (differ: number, all: number): boolean => differ > fewDiffer && differ > all / 2

const requireRelated = ({ listed, unknown, expected, missing }: Tally): void => {
  if (!isMuch(unknown, listed) && !isMuch(missing, expected)) return
  const found = `${unknown} of ${listed} objects have no upload, ${missing} of ${expected} files of uploads are missing`
  throw new Problem('conflict', `${found}: is this the storage of this database? Nothing was repaired; --force repairs all the same`)
}
