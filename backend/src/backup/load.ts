import { mongo } from 'mongoose'
import { isDuplicateKey } from '../platform/duplicate-key.js'
import type { WithOutbox } from '../realtime/outbox-entry.js'
import { filterOf } from './collections.js'
import { BackupError } from './errors.js'
import { giveWay } from './give-way.js'
import type { ArchiveFile, Manifest } from './manifest.js'
import type { Program } from './program.js'
import { documentsOf } from './verify.js'

const { BSON } = mongo
type Document = mongo.BSON.Document

interface Loading {
  readonly db: mongo.Db
  readonly folder: string
  readonly opening: Program | undefined
  readonly tell: (line: string) => void
}

const mostAtOnce = 1000
const mostBytesAtOnce = 8 * 1024 * 1024
/** Each number stays what it is: 1 is not 1.0. */
const asStored = { promoteValues: false, promoteBuffers: false } as const

/** What came of it. */
interface Loaded {
  /** How many had to go for others. */
  readonly removed: number
  /** The workers that have left something to be told. */
  readonly workers: ReadonlySet<string>
}

/** Stores documents in the order in which they were copied. @returns how many of these or earlier ones were removed for others */
const store = async (db: mongo.Db, name: string, documents: readonly Document[]): Promise<number> => {
  let removed = 0
  for (let left = documents; left.length > 0; ) {
    try {
      await db.collection(name).insertMany([...left], { ordered: true })
      break
    } catch (error) {
      if (!(error instanceof mongo.MongoBulkWriteError) || !isDuplicateKey(error)) throw error
      const taker = left[error.insertedCount]
      const gone = taker && (await giveWay(db, name, taker))
      if (gone === undefined) throw error
      removed += gone
      left = left.slice(error.insertedCount)
    }
  }
  return removed
}

const loadFile = async ({ db, folder, opening }: Loading, file: ArchiveFile, name: string): Promise<Loaded> => {
  const workers = new Set<string>()
  let removed = 0
  let gathered: Document[] = []
  let bytes = 0
  for await (const raw of documentsOf(folder, file, opening)) {
    const document = BSON.deserialize(raw, asStored)
    for (const { worker } of (document as WithOutbox).outbox ?? []) workers.add(worker)
    gathered.push(document)
    bytes += raw.length
    if (gathered.length < mostAtOnce && bytes < mostBytesAtOnce) continue
    removed += await store(db, name, gathered)
    gathered = []
    bytes = 0
  }
  removed += await store(db, name, gathered)
  return { removed, workers }
}

/**
 * Puts an archive's documents into a database that has none. What has to be unique has its indexes by then.
 * @returns the workers that have left something to be told
 * @throws BackupError where the archive cannot be read, or the database has not exactly what was in it
 */
export const load = async (loading: Loading, { files }: Manifest): Promise<ReadonlySet<string>> => {
  const all = new Set<string>()
  for (const file of files) {
    const { collection: name, documents = 0 } = file
    if (file.holds !== 'documents' || name === undefined) continue
    const { removed, workers } = await loadFile(loading, file, name)
    for (const worker of workers) all.add(worker)
    const stored = await loading.db.collection(name).countDocuments(filterOf(name))
    if (stored !== documents - removed) throw new BackupError(`${name} has ${stored} documents, and ought to have ${documents - removed}`)
    loading.tell(`${name}: ${stored} documents`)
  }
  return all
}
