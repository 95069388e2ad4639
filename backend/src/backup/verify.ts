import { join } from 'node:path'
import { messageOf } from '../platform/message-of.js'
import { contentOf, documentsIn } from './archive-reader.js'
import { BackupError } from './errors.js'
import type { ArchiveFile, Manifest } from './manifest.js'
import type { Program } from './program.js'

/** The documents of a file of an archive, as BSON. @throws BackupError naming the file where it cannot be read, or they are not as many as was said */
export const documentsOf = async function* (folder: string, file: ArchiveFile, opening: Program | undefined): AsyncGenerator<Buffer> {
  let count = 0
  try {
    for await (const document of documentsIn(contentOf(join(folder, file.name), { opening, compressed: true }))) {
      count += 1
      yield document
    }
  } catch (error) {
    throw new BackupError(`${file.name} cannot be read: ${messageOf(error)}`, { cause: error })
  }
  if (count !== file.documents) throw new BackupError(`${file.name} has ${count} documents, and not the ${file.documents} that were said`)
}

/** Reads an archive to its end, decrypted. @throws BackupError naming what cannot be read */
export const readThrough = async (folder: string, { files }: Manifest, opening: Program | undefined): Promise<void> => {
  for (const file of files) {
    const content =
      file.holds === 'documents' ? documentsOf(folder, file, opening) : contentOf(join(folder, file.name), { opening, compressed: false })
    for await (const _ of content); // each was looked at on its way
  }
}
