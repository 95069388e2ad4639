import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const prefix = 'heliograph-images-'

/** A folder for files that are worked on, gone when the work is done; those of processes that died are removed first. */
export class WorkingFolder {
  readonly #path = join(tmpdir(), `${prefix}${process.pid}`)
  #isMade = false

  async use<T>(work: (folder: string) => Promise<T>): Promise<T> {
    this.#make()
    const folder = await mkdtemp(join(this.#path, 'job-'))
    try {
      return await work(folder)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  remove(): void {
    rmSync(this.#path, { recursive: true, force: true })
    this.#isMade = false
  }

  #make(): void {
    if (this.#isMade && isOurs(this.#path)) return
    for (const name of readdirSync(tmpdir())) if (name.startsWith(prefix) && !isAlive(Number(name.slice(prefix.length)))) removeOne(name)
    this.remove() // of one that had our id, or what somebody put in its place
    mkdirSync(this.#path, { mode: 0o700 })
    this.#isMade = true
  }
}

/** What tidies up the system's temporary folder may have removed it, and then the name is anybody's. */
const isOurs = (path: string): boolean => {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.isDirectory() === true && found.uid === (process.getuid?.() ?? found.uid)
}

const removeOne = (name: string): void => {
  try {
    rmSync(join(tmpdir(), name), { recursive: true, force: true })
  } catch {
    // another user's
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
