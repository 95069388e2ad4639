import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { archiveFolder, cachedArchive, rootName, unfinishedPath, unpackedRoot, unpackFolder } from '../cache.js'
import { runProgram } from '../program.js'
import { resolvePackages } from './packages.js'
import { unpackPackages } from './unpack-packages.js'

const archiveDeadlineMs = 120_000

/** Renames a finished folder to its place; whichever of several processes comes first wins, the others' are the same. */
export const moveFolderInto = (finished: string, place: string): void => {
  try {
    renameSync(finished, place)
  } catch (error) {
    if (!existsSync(place)) throw error
    rmSync(finished, { recursive: true, force: true })
  }
}

const unpackArchive = async (archive: string): Promise<string> => {
  const name = basename(archive, '.tar.gz')
  const unfinished = unfinishedPath(unpackFolder(), name)
  mkdirSync(unfinished, { mode: 0o755 })
  try {
    await runProgram('tar', ['-xzpf', archive, '--no-same-owner', '-C', unfinished], { deadlineMs: archiveDeadlineMs })
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true })
    throw new Error(`${archive} cannot be unpacked; remove it and it is made anew`, { cause: error })
  }
  const root = join(unpackFolder(), name)
  moveFolderInto(unfinished, root)
  return root
}

const keepArchive = async (root: string, name: string): Promise<void> => {
  const unfinished = unfinishedPath(archiveFolder(), `${name}.tar.gz`)
  // The fastest level: a tenth larger than the usual one in half the time.
  await runProgram('tar', ['-I', 'gzip -1', '-cf', unfinished, '-C', root, '.'], { deadlineMs: archiveDeadlineMs })
  renameSync(unfinished, join(archiveFolder(), `${name}.tar.gz`))
}

const buildRoot = async (progress: (line: string) => void): Promise<string> => {
  const workshop = unfinishedPath(unpackFolder(), 'build')
  try {
    progress("reading Debian's package lists")
    const packages = await resolvePackages(join(workshop, 'apt'))
    progress(`fetching ${packages.count} packages, ${Math.round(packages.bytes / 1e6)} MB (once)`)
    const files = await packages.fetch(progress)
    progress('unpacking')
    const unfinished = join(workshop, 'root')
    await unpackPackages(files, unfinished)
    const name = rootName(packages.hash)
    progress(`keeping it in ${archiveFolder()}`)
    await keepArchive(unfinished, name)
    const root = join(unpackFolder(), name)
    moveFolderInto(unfinished, root)
    return root
  } finally {
    rmSync(workshop, { recursive: true, force: true })
  }
}

/**
 * The folder that holds Postgres and the DocumentDB extension: the one unpacked before, else from the cached archive, else fetched from Debian.
 * @throws Error if it is not cached and Debian cannot be reached
 */
export const ensureRoot = async (progress: (line: string) => void): Promise<string> => {
  const unpacked = unpackedRoot()
  if (unpacked) return unpacked
  const archive = cachedArchive()
  return archive ? unpackArchive(archive) : buildRoot(progress)
}
