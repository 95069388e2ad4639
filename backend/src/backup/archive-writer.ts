import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { PassThrough, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { type Program, reasonOf, running, throughOf } from './program.js'

/** What came to be in a file. */
export interface Written {
  /** As they are stored: compressed and encrypted. */
  readonly bytes: number
  /** In hex. */
  readonly sha256: string
}

interface How {
  /** Undefined where nothing is encrypted. */
  readonly sealing: Program | undefined
  readonly compress: boolean
}

const mode = 0o600

/** One file of an archive: what is written to it is compressed, encrypted, and put on to the disk. What fails, fails the next write or the end. */
export class ArchiveWriter {
  readonly #input = new PassThrough()
  readonly #stop = new AbortController()
  readonly #stored: Promise<Written>

  constructor(path: string, how: How) {
    this.#input.on('error', () => undefined) // the pipeline says what went wrong
    this.#stored = this.#store(path, how)
    this.#stored.catch(() => undefined) // whoever writes or ends is told
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#input.destroyed) await this.#stored
    if (this.#input.write(bytes)) return
    await once(this.#input, 'drain', { signal: this.#stop.signal }).catch(() => undefined)
  }

  async end(): Promise<Written> {
    this.#input.end()
    return this.#stored
  }

  /** Gives it up. */
  async destroy(): Promise<void> {
    this.#stop.abort()
    this.#input.destroy()
    await this.#stored.catch(() => undefined)
  }

  async #store(path: string, { sealing, compress }: How): Promise<Written> {
    const hash = createHash('sha256')
    let bytes = 0
    const counting = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk)
        bytes += chunk.length
        done(null, chunk)
      },
    })
    const program = sealing && running(sealing)
    const through = [...(compress ? [createGzip()] : []), ...(program ? [throughOf(program)] : []), counting]
    try {
      await pipeline([this.#input, ...through, createWriteStream(path, { mode, flags: 'wx', flush: true })])
      await program?.ended
    } catch (error) {
      throw program ? await reasonOf(error, program) : error
    } finally {
      program?.kill()
      this.#stop.abort()
    }
    return { bytes, sha256: hash.digest('hex') }
  }
}
