import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { messageOf } from '../platform/message-of.js'
import { S3Storage } from '../platform/storage/s3-storage.js'
import type { Storage } from '../platform/storage/storage.js'
import type { BackupSettings } from '../settings/backup.js'
import { parseArchiveName } from './archive-name.js'
import { BackupError } from './errors.js'
import { sumsName } from './manifest.js'
import { type Keep, notKept } from './retention.js'

type Remote = NonNullable<BackupSettings['remote']>

const using = async <T>({ s3 }: Remote, work: (storage: Storage) => Promise<T>): Promise<T> => {
  const storage = new S3Storage(s3)
  try {
    return await work(storage)
  } finally {
    await storage.close()
  }
}

/** Copies an archive to the bucket, its checksums last: what lacks them is none. @returns where it is. @throws BackupError where the bucket does not take it */
export const copyToBucket = (remote: Remote, path: string): Promise<string> =>
  using(remote, async (storage) => {
    const name = basename(path)
    const files = (await readdir(path)).toSorted((a, b) => Number(a === sumsName) - Number(b === sumsName))
    try {
      for (const file of files) {
        const { size } = await stat(join(path, file))
        await storage.write(`${remote.prefix}${name}/${file}`, createReadStream(join(path, file)), {
          size,
          contentType: 'application/octet-stream',
        })
      }
    } catch (error) {
      const reason = messageOf(error)
      throw new BackupError(`${path} is whole, but was not copied to the bucket ${remote.s3.bucket}: ${reason}`, { cause: error })
    }
    return `s3://${remote.s3.bucket}/${remote.prefix}${name}`
  })

/** Removes the archives of a database that need not be kept. @returns their names */
export const removeNotKeptInBucket = (remote: Remote, database: string, keep: Keep): Promise<string[]> =>
  using(remote, async (storage) => {
    const keysOf = new Map<string, string[]>()
    for await (const { key } of storage.list(`${remote.prefix}${database}-`)) {
      const name = key.slice(remote.prefix.length).split('/')[0] ?? ''
      const keys = keysOf.get(name) ?? []
      keys.push(key)
      keysOf.set(name, keys)
    }
    const whole = [...keysOf].flatMap(([name, keys]) => {
      const parsed = parseArchiveName(name)
      const hasSums = keys.includes(`${remote.prefix}${name}/${sumsName}`)
      return parsed?.database === database && hasSums ? [{ name, keys, begunAt: parsed.begunAt }] : []
    })
    const removed = notKept(whole, keep)
    for (const { keys } of removed) await storage.remove(keys)
    return removed.map(({ name }) => name)
  })
