import { setMaxListeners } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { BoundedWork } from '../../bounded-work.js'
import { earliestOf } from '../../earliest-signal.js'
import { ContentRefusal, ContentUnavailable } from '../content-errors.js'
import { orForLater } from '../for-later.js'
import type { Source } from '../source.js'
import { ImageChild } from './image-child.js'
import type { ImageType } from './image-types.js'
import { WorkingFolder } from './working-folder.js'

/** A file that was made. */
export interface MadeImage {
  /** In bytes. */
  readonly size: number
  readonly contentType: string
  readonly width: number
  readonly height: number
  /** Until the work that it was made for is done. */
  read(): Readable
}

export interface MadeImages {
  readonly image: MadeImage
  readonly thumbnail: MadeImage
}

interface Making<T> {
  readonly source: Source
  readonly type: ImageType
  readonly use: (made: MadeImages) => Promise<T>
  readonly signal: AbortSignal
}

interface Options {
  readonly mostWaiting?: number
  /** For one picture, from its turn on. */
  readonly jobMs?: number
  /** Waiting included. */
  readonly deadlineMs?: number
  /** How long the process that makes images stays when nothing comes. */
  readonly idleMs?: number
}

const mostBytes = 100 * 1024 * 1024

/**
 * Makes pictures anew, one at a time, in a process of its own: a worker's memory and its turns do not feel it. What comes while too many wait, and what
 * waits too long, is to come again later.
 */
export class Images {
  readonly #child = new ImageChild()
  readonly #folder = new WorkingFolder()
  readonly #closing = new AbortController()
  readonly #work: BoundedWork
  readonly #jobMs: number
  readonly #idleMs: number
  #idle: NodeJS.Timeout | undefined
  constructor({ mostWaiting = 100, jobMs = 30_000, deadlineMs = 90_000, idleMs = 60_000 }: Options = {}) {
    this.#work = new BoundedWork({ what: 'work on pictures', mostAtOnce: 1, mostWaiting, deadlineMs })
    this.#jobMs = jobMs
    this.#idleMs = idleMs
    setMaxListeners(0, this.#closing.signal) // one for each picture of the last `jobMs`
  }

  /**
   * @param use gets the picture without anything but its pixels, upright, and a small WebP of it; both are gone when it is done
   * @throws ContentRefusal `broken_image` or `too_large`; ContentUnavailable; what `use` and the source throw
   */
  async remake<T>(source: Source, type: ImageType, use: (made: MadeImages) => Promise<T>): Promise<T> {
    if (source.size > mostBytes) throw new ContentRefusal('too_large', `A picture has at most ${mostBytes / 1024 / 1024} MB`)
    clearTimeout(this.#idle)
    const work = this.#work.run((deadline) => {
      const signal = earliestOf(deadline, this.#closing.signal, AbortSignal.timeout(this.#jobMs))
      return this.#folder.use((folder) => this.#make(folder, { source, type, use, signal }))
    })
    return orForLater(work).finally(() => this.#stopWhenIdle())
  }

  /** What is under way fails, and what comes. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#work.settled()
    clearTimeout(this.#idle)
    await this.#child.stop()
    this.#folder.remove()
  }

  async #make<T>(folder: string, { source, type, use, signal }: Making<T>): Promise<T> {
    const job = { type, original: join(folder, 'original'), image: join(folder, 'image'), thumbnail: join(folder, 'thumbnail') }
    await fetched(source, job.original, signal)
    const made = await this.#child.make(job, signal)
    const image = await madeImage(job.image, type, made.image)
    return use({ image, thumbnail: await madeImage(job.thumbnail, 'image/webp', made.thumbnail) })
  }

  #stopWhenIdle(): void {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      if (this.#work.isIdle) void this.#child.stop()
    }, this.#idleMs).unref()
  }
}

/** Into a file: however many pictures wait, none is in memory. */
const fetched = async (source: Source, path: string, signal: AbortSignal): Promise<void> => {
  signal.throwIfAborted()
  await pipeline(await source.read({ start: 0, end: source.size - 1 }), createWriteStream(path, { mode: 0o600 }), { signal })
  if ((await stat(path)).size !== source.size) throw new ContentUnavailable('it did not come whole')
}

const madeImage = async (path: string, contentType: string, size: { width: number; height: number }): Promise<MadeImage> => ({
  ...size,
  contentType,
  size: (await stat(path)).size,
  read: () => createReadStream(path),
})
