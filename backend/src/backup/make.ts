import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { mongo } from 'mongoose'
import { folderFault, type UploadDocument } from '../features/uploads/index.js'
import type { Logger } from '../platform/logger.js'
import type { RedisSettings } from '../platform/redis-address.js'
import { archiveName, parseArchiveName } from './archive-name.js'
import { copyRedis, copyUploads } from './beside.js'
import { copyOrder } from './collections.js'
import { type Copying, copyCollection, copyConversations } from './copying.js'
import { BackupError, inWords } from './errors.js'
import { alone } from './lock.js'
import { type ArchiveFile, type Manifest, writeManifest } from './manifest.js'
import type { Sealing } from './sealing.js'

export interface Making {
  readonly db: mongo.Db
  readonly logger: Logger
  /** Where archives are. */
  readonly folder: string
  readonly sealing: Sealing
  readonly version: string
  /** Of uploads; undefined where they are in a bucket. */
  readonly uploads: string | undefined
  /** Undefined where no copy of Redis is wished for. */
  readonly redis: RedisSettings | undefined
  /** Called before each collection, and at the end; for tests. */
  readonly onStep?: (collection: string) => Promise<void>
}

export interface Archive {
  readonly path: string
  readonly manifest: Manifest
}

/** What an archive is called while it is made: whoever dies leaves it, and the next one removes it. */
const unfinished = '.partial'

/**
 * Copies the database while it is in use. All that was acknowledged before is in the copy, and whatever else is in it fits together
 * (docs/adr/0016-backups.md). There is a whole archive or none.
 * @throws BackupError where another one is being made, no space is left, a program fails, or the folder of uploads is not theirs
 */
export const makeBackup = (making: Making): Promise<Archive> =>
  alone(making.db, making.logger, async () => {
    const { folder, db } = making
    const begunAt = new Date()
    const path = join(folder, archiveName({ database: db.databaseName, begunAt }))
    const partial = `${path}${unfinished}`
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await removeUnfinished(folder, db.databaseName)
      await mkdir(partial, { mode: 0o700 })
      const manifest = await fill(partial, begunAt, making)
      await flush(partial)
      await rename(partial, path)
      await flush(folder)
      return { path, manifest }
    } catch (error) {
      await rm(partial, { recursive: true, force: true }).catch(() => undefined) // what is left is removed by the next one
      throw inWords(error, folder)
    }
  })

const fill = async (path: string, begunAt: Date, making: Making): Promise<Manifest> => {
  const { db, sealing, version, uploads, redis, onStep } = making
  const where = { db, folder: path, sealing }
  const files: ArchiveFile[] = []
  const collections = await db.listCollections({ type: 'collection' }, { nameOnly: true }).toArray()
  for (const name of copyOrder(collections.map((collection) => collection.name))) {
    await onStep?.(name)
    files.push(...(name === 'conversations' ? await copyConversations(where) : await copyCollection(where, name)))
  }
  await onStep?.('')
  if (uploads !== undefined) files.push(...(await copyFolder(where, uploads))) // after the rows that name them
  if (redis) files.push(await copyRedis(where, redis))
  const manifest: Manifest = {
    format: 1,
    database: db.databaseName,
    begunAt: begunAt.toISOString(),
    endedAt: new Date().toISOString(),
    version,
    sealedBy: sealing.by,
    files,
  }
  await writeManifest(path, manifest)
  return manifest
}

const copyFolder = async ({ db, ...where }: Copying, uploads: string): Promise<ArchiveFile[]> => {
  const fault = await folderFault(db.collection<UploadDocument>('uploads'), uploads)
  if (fault !== undefined) throw new BackupError(fault)
  const file = await copyUploads(where, uploads)
  return file ? [file] : []
}

const removeUnfinished = async (folder: string, database: string): Promise<void> => {
  for (const name of await readdir(folder)) {
    const of = name.endsWith(unfinished) ? parseArchiveName(name.slice(0, -unfinished.length)) : undefined
    if (of?.database === database) await rm(join(folder, name), { recursive: true, force: true })
  }
}

/** Puts the names in a folder on to the disk. */
const flush = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
