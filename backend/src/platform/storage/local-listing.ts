import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, onDiskSoon } from './local-disk.js'
import { trailerBytes } from './local-object.js'
import { areas, folderPattern, keyOfName, type LocalPlaces } from './local-places.js'
import type { ListedObject } from './storage.js'

/** Whether keys that begin with `beginning` may be among those that are asked for. */
const mayHave = (beginning: string, prefix: string, after: string): boolean =>
  (beginning.startsWith(prefix) || prefix.startsWith(beginning)) && (after.startsWith(beginning) || beginning > after)

/** Folder by folder, in the order of the keys. A file that goes meanwhile is left out. */
export const listedFiles = async function* (
  places: LocalPlaces,
  { prefix, after = '', deadlineMs }: { prefix: string; after: string | undefined; deadlineMs: number },
): AsyncGenerator<ListedObject> {
  const namesIn = async (folder: string) => (await onDiskSoon('listing files', readdir(folder), deadlineMs)).toSorted()
  for (const area of areas) {
    for (const begin of await namesIn(places.area(area))) {
      if (!folderPattern.test(begin) || !mayHave(`${area}/${begin}`, prefix, after)) continue
      const folder = join(places.area(area), begin)
      for (const name of await namesIn(folder)) {
        const key = keyOfName(area, name)
        if (key === undefined || !key.startsWith(prefix) || key <= after) continue
        const found = await onDiskSoon('looking at a file', stat(join(folder, name)), deadlineMs, ['ENOENT']).catch((error: unknown) => {
          if (codeOf(error) !== 'ENOENT') throw error
        })
        // When it got its name: a file that was copied by a link has its bytes from before.
        if (found) yield { key, size: found.size - trailerBytes, modifiedAt: found.ctime }
      }
    }
  }
}
