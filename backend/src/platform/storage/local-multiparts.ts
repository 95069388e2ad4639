import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { guardedBody } from './guarded-body.js'
import { ignoring } from './ignoring.js'
import { codeOf, onDisk, onDiskSoon } from './local-disk.js'
import { openObject } from './local-object.js'
import type { LocalObjects } from './local-objects.js'
import { type LocalPlaces, mostParts, multipartIdPattern } from './local-places.js'
import { type Told, writeObject } from './local-writing.js'
import { type ListedMultipart, StorageRefusal, type UploadedPart } from './storage.js'

const Begun = z.object({ key: z.string(), contentType: z.string() })
type Begun = z.infer<typeof Begun>

interface Multipart {
  readonly key: string
  readonly uploadId: string
}

interface Dependencies {
  readonly places: LocalPlaces
  readonly objects: LocalObjects
  readonly deadlineMs: number
}

const aboutName = 'about.json'
const isGone = (error: unknown): boolean => codeOf(error) === 'ENOENT'

/** What the storage answers to a part's PUT. @param sha256 in base64 */
const etagOf = (sha256: string): string => `"${Buffer.from(sha256, 'base64').toString('hex')}"`
const unquoted = (etag: string): string => etag.replaceAll('"', '')

/** Uploads in parts: a folder each, with a file for each part. */
export class LocalMultiparts {
  readonly #places: LocalPlaces
  readonly #objects: LocalObjects
  readonly #deadlineMs: number
  constructor({ places, objects, deadlineMs }: Dependencies) {
    this.#places = places
    this.#objects = objects
    this.#deadlineMs = deadlineMs
  }

  async begin({ key, contentType }: Begun): Promise<{ uploadId: string }> {
    const uploadId = randomBytes(16).toString('hex')
    const temporary = join(this.#places.temporary, randomUUID())
    const begin = async () => {
      await mkdir(temporary, { mode: 0o700 })
      await writeFile(join(temporary, aboutName), JSON.stringify({ key, contentType }), { mode: 0o600 })
      await rename(temporary, this.#places.multipart(uploadId))
    }
    await onDiskSoon('beginning a multipart', begin(), this.#deadlineMs)
    return { uploadId }
  }

  /** Takes a part; again replaces it. @returns its ETag. @throws StorageRefusal `no_upload`, and as `writeObject` */
  async receive({ key, uploadId, number }: Multipart & { number: number }, source: AsyncIterable<Buffer>, told: Told): Promise<string> {
    await this.#begun({ key, uploadId })
    const folders = { temporary: this.#places.temporary, path: this.#places.part(uploadId, number) }
    try {
      return etagOf((await writeObject(folders, source, told)).sha256)
    } catch (error) {
      if (isGone(error)) throw new StorageRefusal('no_upload', { cause: error }) // aborted meanwhile
      throw error
    }
  }

  /** Joins the parts. @throws StorageRefusal `wrong_parts` or `no_upload` */
  async complete({ key, uploadId, parts }: Multipart & { parts: readonly UploadedPart[] }): Promise<void> {
    const { contentType } = await this.#begun({ key, uploadId })
    if (parts.length === 0 || parts.length > mostParts) throw new StorageRefusal('wrong_parts')
    const ascending = parts.every(({ number }, index) => number > (parts[index - 1]?.number ?? 0) && Number.isSafeInteger(number))
    if (!ascending) throw new StorageRefusal('wrong_parts')
    for (const part of parts) await (await this.#open(uploadId, part)).file.close() // wrong ones are told before any is copied
    await this.#objects.write(key, this.#joined(uploadId, parts), { contentType })
    await this.abort({ uploadId })
  }

  /** Removes it with its parts: at once for all who look, then from the disk. */
  async abort({ uploadId }: Pick<Multipart, 'uploadId'>): Promise<void> {
    const temporary = join(this.#places.temporary, randomUUID())
    try {
      await onDiskSoon('removing a multipart', rename(this.#places.multipart(uploadId), temporary), this.#deadlineMs, ['ENOENT'])
    } catch (error) {
      if (isGone(error)) return
      throw error
    }
    await onDisk('removing a multipart', rm(temporary, { recursive: true, force: true }))
  }

  async has({ key, uploadId }: Multipart): Promise<boolean> {
    return (await ignoring('no_upload', this.#begun({ key, uploadId }))) !== undefined
  }

  async *list(): AsyncGenerator<ListedMultipart> {
    const names = await onDiskSoon('listing multiparts', readdir(this.#places.multiparts), this.#deadlineMs)
    for (const uploadId of names.filter((name) => multipartIdPattern.test(name))) {
      const about = join(this.#places.multipart(uploadId), aboutName)
      try {
        const [{ key }, { mtime }] = await onDiskSoon('looking at a multipart', this.#look(about), this.#deadlineMs, ['ENOENT'])
        yield { key, uploadId, begunAt: mtime }
      } catch (error) {
        if (!isGone(error)) throw error
      }
    }
  }

  async #look(about: string) {
    return [Begun.parse(JSON.parse(await readFile(about, 'utf8'))), await stat(about)] as const
  }

  async #begun({ key, uploadId }: Multipart): Promise<Begun> {
    const about = join(this.#places.multipart(uploadId), aboutName)
    try {
      const [begun] = await onDiskSoon('looking at a multipart', this.#look(about), this.#deadlineMs, ['ENOENT'])
      if (begun.key === key) return begun
    } catch (error) {
      if (!isGone(error)) throw error
    }
    throw new StorageRefusal('no_upload')
  }

  async #open(uploadId: string, { number, etag }: UploadedPart) {
    const opened = await onDisk('opening a part', openObject(this.#places.part(uploadId, number)))
    if (opened && etagOf(opened.about.sha256) === `"${unquoted(etag)}"`) return opened
    await opened?.file.close()
    throw new StorageRefusal('wrong_parts')
  }

  async *#joined(uploadId: string, parts: readonly UploadedPart[]): AsyncGenerator<Buffer> {
    for (const part of parts) {
      const { file, about } = await this.#open(uploadId, part) // it may have been replaced since it was looked at
      if (about.size === 0) await file.close()
      else yield* guardedBody(file.createReadStream({ start: 0, end: about.size - 1 }), this.#deadlineMs)
    }
  }
}
