import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { debianArchitecture } from './machine.js'
import { runsAsRoot } from './postgres/account.js'

// Raised when a root of an older make cannot be used any more.
const rootVersion = 1

/** The user's cache: holds the archive, which is all that has to survive. */
export const archiveFolder = (): string => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'heliograph', 'documentdb')

/** Holds the unpacked root. Root's own cache is closed to the account that Postgres runs as, so that it lies elsewhere then. */
export const unpackFolder = (): string => (runsAsRoot() ? '/var/cache/heliograph/documentdb' : archiveFolder())

const namePrefix = (): string => `root-${rootVersion}-${debianArchitecture()}-`

/** The name of a root made of exactly these packages; `hash` stands for their versions. */
export const rootName = (hash: string): string => `${namePrefix()}${hash}`

const newest = (folder: string, suffix: string): string | undefined => {
  if (!existsSync(folder)) return undefined
  const pattern = new RegExp(`^${namePrefix()}[0-9a-f]+${suffix}$`)
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, name))
    .toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0]
}

export const cachedArchive = (): string | undefined => newest(archiveFolder(), '\\.tar\\.gz')
export const unpackedRoot = (): string | undefined => newest(unpackFolder(), '')

/** Whether the engine can be started without fetching anything. */
export const isCached = (): boolean => (unpackedRoot() ?? cachedArchive()) !== undefined

const unfinishedPrefix = '.unfinished-'
const abandonedAfterMs = 3_600_000

/** A path in `folder` for something to be renamed when it is complete; what others left unfinished an hour ago is removed. */
export const unfinishedPath = (folder: string, name: string): string => {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  for (const entry of readdirSync(folder).filter((found) => found.startsWith(unfinishedPrefix))) {
    const age = Date.now() - (statSync(join(folder, entry), { throwIfNoEntry: false })?.mtimeMs ?? 0)
    if (age > abandonedAfterMs) rmSync(join(folder, entry), { recursive: true, force: true })
  }
  return join(folder, `${unfinishedPrefix}${randomUUID()}-${name}`)
}
