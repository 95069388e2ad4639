import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { contentOf } from './archive-reader.js'
import type { Manifest } from './manifest.js'
import { type Program, reasonOf, running } from './program.js'

/** Puts the files of uploads back that are not there. A file never changes, so those that are there are the same. @returns whether there are any */
export const restoreUploads = async (folder: string, { files }: Manifest, opening: Program | undefined, to: string): Promise<boolean> => {
  const file = files.find(({ holds }) => holds === 'uploads')
  if (!file) return false
  await mkdir(to, { recursive: true })
  const tar = running({ command: 'tar', words: ['--extract', '--directory', to, '--skip-old-files'] })
  tar.output.resume()
  try {
    await pipeline(contentOf(join(folder, file.name), { opening, compressed: false }), tar.input)
    await tar.ended
  } catch (error) {
    throw await reasonOf(error, tar)
  } finally {
    tar.kill()
  }
  return true
}
