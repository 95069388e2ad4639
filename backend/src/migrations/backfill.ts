import { setTimeout as sleep } from 'node:timers/promises'
import { mongo } from 'mongoose'
import { withDeadline } from '../platform/deadline.js'
import { isUnavailable } from '../platform/mongo.js'
import { isWriteConflict } from '../platform/write-conflict.js'
import { type Migration, MigrationError, type MigrationTools } from './migration.js'

interface Stored {
  _id: mongo.ObjectId
}

interface Backfill<D extends Stored> extends Pick<Migration, 'number' | 'name' | 'about'> {
  readonly collection: string
  /** Finds what lacks something. */
  readonly lacking: mongo.Filter<D>
  /** What `writes` reads of a document. */
  readonly fields: readonly (keyof D & string)[]
  /**
   * Gives a document what it lacks; nothing where there is nothing to give. Each write is conditional on what it was made from, and on its still being
   * lacking: workers change the same documents meanwhile.
   */
  readonly writes: (document: D) => { filter: mongo.Filter<D>; update: mongo.UpdateFilter<D> }[]
  /** How many documents are looked at in one go. */
  readonly batchSize?: number
}

const defaultBatchSize = 500
const batchDeadlineMs = 600_000
const countDeadlineMs = 10_000
const keepDeadlineMs = 5000
const tellEveryMs = 5000
const mostAttempts = 20
const pauseMs = 25

/** A migration that gives documents what they lack, in batches in the order of `_id`. */
export const backfill = <D extends Stored>(given: Backfill<D>): Migration => {
  const { number, name, about, collection, lacking, batchSize = defaultBatchSize } = given
  const documents = (db: mongo.Db): mongo.Collection<Stored> => db.collection<Stored>(collection)
  const typed = (db: mongo.Db): mongo.Collection<D> => db.collection<D>(collection)
  return {
    number,
    name,
    about,

    left: (db) => typed(db).countDocuments(lacking, { readPreference: 'primary', maxTimeMS: countDeadlineMs }),

    async run({ db, position, keep, goOn, tell }: MigrationTools) {
      const progress = progressOf(await documents(db).estimatedDocumentCount(), tell)
      let after = position instanceof mongo.ObjectId ? position : undefined
      let toldAt = performance.now()
      try {
        for (;;) {
          await goOn()
          const upTo = await endOfBatch(documents(db), after, batchSize)
          const range = { ...(after && { $gt: after }), ...(upTo && { $lte: upTo }) }
          await withDeadline(mend(typed(db), range, given), batchDeadlineMs, 'a batch')
          if (!upTo) return
          after = upTo
          progress.add(batchSize)
          if (performance.now() - toldAt < tellEveryMs) continue
          toldAt = performance.now()
          progress.tell()
          await keep(after)
        }
      } catch (error) {
        if (after) await withDeadline(keep(after), keepDeadlineMs, 'keeping the position').catch(() => undefined) // else the next attempt looks at more than it has to
        throw error
      }
    },
  }
}

/** The last document of the next batch; undefined where fewer are left. */
const endOfBatch = async (documents: mongo.Collection<Stored>, after: mongo.ObjectId | undefined, size: number) => {
  const found = await documents
    .find(after ? { _id: { $gt: after } } : {}, { projection: { _id: 1 }, readPreference: 'primary' })
    .sort({ _id: 1 })
    .skip(size - 1)
    .limit(1)
    .maxTimeMS(batchDeadlineMs)
    .toArray()
  return found[0]?._id
}

/** Writes until nothing lacks anything that it could be given: what changes while it is looked at is looked at again. */
const mend = async <D extends Stored>(
  documents: mongo.Collection<D>,
  range: { $gt?: mongo.ObjectId; $lte?: mongo.ObjectId },
  { lacking, fields, writes }: Backfill<D>,
): Promise<void> => {
  const projection = Object.fromEntries(fields.map((field) => [field, 1]))
  const all = Object.keys(range).length === 0 ? lacking : { $and: [{ _id: range }, lacking] }
  const attempt = async (): Promise<boolean> => {
    const found = documents.find<D>(all as mongo.Filter<D>, { projection, readPreference: 'primary', maxTimeMS: batchDeadlineMs })
    const needed: mongo.AnyBulkWriteOperation<D>[] = []
    for await (const document of found) needed.push(...writes(document).map((updateOne) => ({ updateOne })))
    return needed.length === 0 || (await documents.bulkWrite(needed, { ordered: false })).matchedCount === needed.length
  }
  for (let failures = 0; failures < mostAttempts; failures++) {
    if (failures > 0) await sleep(Math.random() * pauseMs * failures)
    const isDone = await attempt().catch((error: unknown) => {
      if (isPassing(error)) return false
      throw error
    })
    if (isDone) return
  }
  throw new MigrationError('documents were changed by others again and again, or the connection was lost')
}

/** Another write was under way, or the connection broke: unlike a server that could not be found for as long as one is waited for. */
const isPassing = (error: unknown): boolean =>
  isWriteConflict(error) || (isUnavailable(error) && !(error instanceof mongo.MongoServerSelectionError))

const progressOf = (about: number, tell: (line: string) => void) => {
  const begun = performance.now()
  let done = 0
  return {
    add(count: number): void {
      done += count
    },
    tell(): void {
      const seconds = Math.round((performance.now() - begun) / 1000)
      tell(`${done} looked at, of about ${Math.max(about, done)}, ${seconds} s`)
    },
  }
}
