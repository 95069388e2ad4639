import { randomUUID } from 'node:crypto'
import { copyFile, link, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { guardedBody } from './guarded-body.js'
import { codeOf, onDisk, onDiskSoon, syncFolder } from './local-disk.js'
import { removeLeftovers } from './local-leftovers.js'
import { type About, type OpenObject, openObject, trailerOf } from './local-object.js'
import type { LocalPlaces } from './local-places.js'
import { type Told, writeObject } from './local-writing.js'
import { StorageRefusal } from './storage.js'

const tidyEveryMs = 3_600_000
/** Slower copying is given up. */
const leastBytesPerMs = 256

/** Objects as files. A file is never changed: another one takes its place. */
export class LocalObjects {
  readonly #places: LocalPlaces
  readonly #deadlineMs: number
  #prepared: Promise<void> | undefined
  #tidiedAt = 0
  constructor(places: LocalPlaces, deadlineMs: number) {
    this.#places = places
    this.#deadlineMs = deadlineMs
  }

  /** Makes the folders, once: where a disk is taken away later, nothing is written to what was below it. */
  async prepare(): Promise<void> {
    this.#prepared ??= onDiskSoon('making the folders', this.#makeFolders(), this.#deadlineMs)
    try {
      await this.#prepared
    } catch (error) {
      this.#prepared = undefined
      throw error
    }
  }

  /** @returns undefined where nothing is there; else the caller closes its file */
  async open(key: string): Promise<OpenObject | undefined> {
    const opening = openObject(this.#places.object(key).path)
    try {
      return await onDiskSoon('opening a file', opening, this.#deadlineMs)
    } catch (error) {
      opening.then((late) => late?.file.close()).catch(() => undefined)
      throw error
    }
  }

  /** @param range both counted; the stream closes the file */
  bytesOf({ file, about }: OpenObject, range: { start: number; end: number } = { start: 0, end: about.size - 1 }): Readable {
    const end = Math.min(range.end, about.size - 1) // what comes behind is not the object's
    if (end >= range.start) return guardedBody(file.createReadStream({ start: range.start, end }), this.#deadlineMs)
    const nothing = Readable.from([])
    nothing.once('close', () => void file.close())
    return nothing
  }

  /** @throws as `writeObject` */
  async write(key: string, source: AsyncIterable<Buffer> | Iterable<Buffer>, told: Told): Promise<About> {
    await this.prepare()
    this.#tidy()
    return writeObject({ temporary: this.#places.temporary, path: await this.#placeFor(key) }, source, told)
  }

  /** Takes no room on the disk where the type stays what it was. @throws StorageRefusal `no_object` */
  async copy(from: string, to: string, contentType: string): Promise<void> {
    await this.prepare()
    const original = await this.open(from)
    if (!original) throw new StorageRefusal('no_object')
    const { about } = original
    await original.file.close()
    const path = await this.#placeFor(to)
    const temporary = join(this.#places.temporary, randomUUID())
    try {
      const copying = this.#copy(this.#places.object(from).path, temporary, { from: about, contentType })
      await onDiskSoon('copying a file', copying, this.#deadlineMs + about.size / leastBytesPerMs)
      await onDisk('copying a file', rename(temporary, path))
      await onDisk('copying a file', syncFolder(dirname(path)))
    } finally {
      await rm(temporary, { force: true }).catch(() => undefined) // it is still there where both are the same file
    }
  }

  async remove(key: string): Promise<void> {
    await onDiskSoon('removing a file', rm(this.#places.object(key).path, { force: true }), this.#deadlineMs)
  }

  async #makeFolders(): Promise<void> {
    for (const folder of this.#places.folders) await mkdir(folder, { recursive: true, mode: 0o700 })
  }

  async #placeFor(key: string): Promise<string> {
    const { folder, path } = this.#places.object(key)
    const make = async () => {
      await mkdir(folder, { mode: 0o700 }).then(
        () => syncFolder(dirname(folder)),
        (error: unknown) => {
          if (codeOf(error) !== 'EEXIST') throw error
        },
      )
    }
    await onDiskSoon('making a folder', make(), this.#deadlineMs)
    return path
  }

  async #copy(from: string, to: string, { from: about, contentType }: { from: About; contentType: string }): Promise<void> {
    if (about.contentType === contentType && (await linked(from, to))) return
    await copyFile(from, to)
    const file = await open(to, 'r+')
    try {
      await file.write(trailerOf({ ...about, contentType }), 0, undefined, about.size)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  #tidy(): void {
    const now = Date.now()
    if (now - this.#tidiedAt < tidyEveryMs) return
    this.#tidiedAt = now
    removeLeftovers(this.#places.temporary).catch(() => undefined) // what is left is looked at again in an hour
  }
}

/** @returns false on a disk that has no links */
const linked = async (from: string, to: string): Promise<boolean> => {
  try {
    await link(from, to)
    return true
  } catch {
    return false
  }
}
