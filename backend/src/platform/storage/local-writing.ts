import { createHash, randomUUID } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { onDiskSoon, syncFolder } from './local-disk.js'
import { type About, trailerOf } from './local-object.js'

/** What came is not what was said. */
export class UnexpectedBytes extends Error {
  readonly reason: 'more' | 'fewer' | 'others'
  constructor(reason: UnexpectedBytes['reason']) {
    super(`${reason} bytes than were said`)
    this.name = 'UnexpectedBytes'
    this.reason = reason
  }
}

/** What the bytes have to be, as far as it is known. */
export interface Told {
  readonly contentType: string
  readonly size?: number
  /** In base64. */
  readonly sha256?: string
}

/** Of each step; a disk may have much to write before it has written this. */
const stepDeadlineMs = 60_000
const soon = <T>(work: Promise<T>, expected?: readonly string[]): Promise<T> => onDiskSoon('writing a file', work, stepDeadlineMs, expected)

/**
 * Writes a file whole or not at all: under a name that nobody else has, then on to the disk, then by its own name.
 * @param folders `temporary` has to be on the same disk as the path
 * @throws UnexpectedBytes as soon as that is known; StorageUnavailable; what the source fails with; ENOENT where the path's folder is gone
 */
export const writeObject = async (
  folders: { readonly temporary: string; readonly path: string },
  source: AsyncIterable<Buffer> | Iterable<Buffer>,
  told: Told,
): Promise<About> => {
  const temporary = join(folders.temporary, randomUUID())
  const file = await soon(open(temporary, 'wx', 0o600))
  try {
    const about = await filledAndClosed(file, source, told)
    await soon(rename(temporary, folders.path), ['ENOENT'])
    await soon(syncFolder(dirname(folders.path)))
    return about
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined) // else it goes with what dead workers left
    throw error
  }
}

const filledAndClosed = async (...[file, source, told]: Parameters<typeof filled>): Promise<About> => {
  try {
    return await filled(file, source, told)
  } finally {
    await file.close()
  }
}

const filled = async (file: FileHandle, source: AsyncIterable<Buffer> | Iterable<Buffer>, told: Told): Promise<About> => {
  const hash = createHash('sha256')
  let size = 0
  for await (const bytes of source) {
    size += bytes.length
    if (told.size !== undefined && size > told.size) throw new UnexpectedBytes('more')
    hash.update(bytes)
    await soon(file.writeFile(bytes)) // behind what was written before
  }
  if (told.size !== undefined && size < told.size) throw new UnexpectedBytes('fewer')
  const sha256 = hash.digest('base64')
  if (told.sha256 !== undefined && sha256 !== told.sha256) throw new UnexpectedBytes('others')
  const about = { contentType: told.contentType, size, sha256 }
  await soon(file.writeFile(trailerOf(about)))
  await soon(file.sync())
  return about
}
