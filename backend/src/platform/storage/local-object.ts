import { type FileHandle, open } from 'node:fs/promises'
import { z } from 'zod'
import { codeOf } from './local-disk.js'
import { StorageUnavailable } from './storage.js'

/** What stands behind an object's bytes, in the same file: so the two are renamed at once, and a file that lacks it is not whole. */
const About = z
  .strictObject({ format: z.literal(1), contentType: z.string(), size: z.int().min(0), sha256: z.string() })
  .transform(({ format: _format, ...about }) => about)
export type About = z.output<typeof About>

/** In bytes. */
export const trailerBytes = 512

/** @throws Error where the type is too long to be one */
export const trailerOf = ({ contentType, size, sha256 }: About): Buffer => {
  const text = JSON.stringify({ format: 1, contentType, size, sha256 })
  if (Buffer.byteLength(text) > trailerBytes) throw new Error('a content type of such a length is none')
  return Buffer.alloc(trailerBytes, ' ').fill(text, 0, Buffer.byteLength(text))
}

/** An object that is open: what is read is of it, whatever takes its place meanwhile. */
export interface OpenObject {
  readonly about: About
  readonly file: FileHandle
}

const parsed = (text: string): About | undefined => {
  try {
    return About.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** @returns undefined where nothing is there. @throws StorageUnavailable for a file that is not whole */
export const openObject = async (path: string): Promise<OpenObject | undefined> => {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (!file) return undefined
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(trailerBytes), 0, trailerBytes, Math.max(0, size - trailerBytes))
    const about = parsed(buffer.toString('utf8', 0, bytesRead))
    if (about?.size !== size - trailerBytes) throw new StorageUnavailable('a file is not as it was written')
    return { about, file }
  } catch (error) {
    await file.close()
    throw error
  }
}
