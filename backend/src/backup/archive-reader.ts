import { createReadStream } from 'node:fs'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { BackupError } from './errors.js'
import { type Program, reasonOf, running, throughOf } from './program.js'

interface How {
  /** Undefined where nothing is encrypted. */
  readonly opening: Program | undefined
  readonly compressed: boolean
}

/** A file of an archive as it was before it was stored, chunk by chunk. @throws BackupError where it cannot be decrypted, Error where it is damaged */
export const contentOf = async function* (path: string, { opening, compressed }: How): AsyncGenerator<Buffer> {
  const program = opening && running(opening)
  const output: Readable & NodeJS.WritableStream = compressed ? createGunzip() : new PassThrough()
  const filled = pipeline([createReadStream(path), ...(program ? [throughOf(program)] : []), output])
  filled.catch(() => undefined) // awaited below
  try {
    for await (const chunk of output) yield chunk
    await filled
    await program?.ended
  } catch (error) {
    throw program ? await reasonOf(error, program) : error
  } finally {
    output.destroy()
    program?.kill()
  }
}

const lengthBytes = 4
/** By MongoDB's rules 16 MiB, and 16 KiB more for its own. */
const mostDocumentBytes = 16 * 1024 * 1024 + 16 * 1024
const leastDocumentBytes = 5

/** The documents that BSON holds one behind the other. @throws BackupError for what is none, or breaks off */
export const documentsIn = async function* (content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of content) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (rest.length - at >= lengthBytes) {
      const length = rest.readInt32LE(at)
      if (length < leastDocumentBytes || length > mostDocumentBytes) throw new BackupError('what is in it are no documents')
      if (rest.length - at < length) break
      yield rest.subarray(at, at + length)
      at += length
    }
    rest = rest.subarray(at)
  }
  if (rest.length > 0) throw new BackupError('its last document breaks off')
}
