import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive } from './processes.js'

const prefix = 'heliograph-run-'

const sweepFoldersOfDeadRuns = () => {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(prefix)) continue
    const pid = Number(name.slice(prefix.length).split('-')[0])
    if (Number.isNaN(pid) || isAlive(pid)) continue
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
    } catch {
      // another user's, or its servers are just stopping: the next run's business
    }
  }
}

/** Makes a folder for this run, and removes those of runs that died without removing theirs. */
export const temporaryFolder = (): { path: string; remove(): void } => {
  sweepFoldersOfDeadRuns()
  const path = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`))
  chmodSync(path, 0o711) // a server that runs as another user passes through it
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
