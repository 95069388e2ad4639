import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

const hourMs = 3_600_000

/** Removes what dead workers left half written: what nobody has written to for an hour. @returns how many */
export const removeLeftovers = async (temporary: string, now = Date.now()): Promise<number> => {
  let removed = 0
  for (const name of await readdir(temporary)) {
    const path = join(temporary, name)
    const found = await stat(path).catch(() => undefined) // gone meanwhile
    if (!found || now - found.mtimeMs < hourMs) continue
    await rm(path, { recursive: true, force: true })
    removed += 1
  }
  return removed
}
