import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { postgresUserId, runsAsRoot } from './account.js'

// Not os.tmpdir(): the path of a socket must be shorter than 108 bytes.
const parent = '/tmp'
const name = /^heliograph-postgres-(\d+)-/

/** A new folder for Postgres' socket, open to its account alone. Those of dead processes are removed. The caller removes this one. */
export const makeSocketFolder = (): string => {
  for (const entry of readdirSync(parent)) {
    const owner = name.exec(entry)?.[1]
    if (owner && !existsSync(`/proc/${owner}`)) rmSync(join(parent, entry), { recursive: true, force: true })
  }
  const folder = mkdtempSync(join(parent, `heliograph-postgres-${process.pid}-`))
  if (runsAsRoot()) chownSync(folder, postgresUserId, postgresUserId)
  return folder
}
