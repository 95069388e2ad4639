import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { contentOf } from './archive-reader.js'
import { isCode } from './errors.js'
import type { Manifest } from './manifest.js'
import { type Program, running } from './program.js'

/** Puts the files of uploads back that are not there. A file never changes, so those that are there are the same. @returns whether there are any */
export const restoreUploads = async (folder: string, { files }: Manifest, opening: Program | undefined, to: string): Promise<boolean> => {
  const file = files.find(({ holds }) => holds === 'uploads')
  if (!file) return false
  await mkdir(to, { recursive: true })
  const tar = running({ command: 'tar', words: ['--extract', '--directory', to, '--skip-old-files'] })
  tar.output.resume()
  try {
    await pipeline(contentOf(join(folder, file.name), { opening, compressed: false }), tar.input).catch((error: unknown) => {
      if (!isCode(error, 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE')) throw error // else it has seen the archive's end, or says what it lacks
    })
    await tar.ended
  } finally {
    tar.kill()
  }
  return true
}
