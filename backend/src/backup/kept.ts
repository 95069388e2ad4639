import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArchiveName } from './archive-name.js'
import { sumsName } from './manifest.js'
import { type Keep, notKept } from './retention.js'

/** Removes the archives of a database that need not be kept. Nothing that is not a whole archive is touched. @returns their names */
export const removeNotKept = async (folder: string, database: string, keep: Keep): Promise<string[]> => {
  const archives: { name: string; begunAt: Date }[] = []
  for (const name of await readdir(folder)) {
    const parsed = parseArchiveName(name)
    if (parsed?.database !== database) continue
    const whole = await stat(join(folder, name, sumsName)).catch(() => undefined)
    if (whole) archives.push({ name, begunAt: parsed.begunAt })
  }
  const removed = notKept(archives, keep)
  for (const { name } of removed) {
    await rm(join(folder, name, sumsName), { force: true }) // first: what is left of it is no archive
    await rm(join(folder, name), { recursive: true, force: true })
  }
  return removed.map(({ name }) => name)
}
