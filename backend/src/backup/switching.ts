import { open, readFile, rename, rm, stat } from 'node:fs/promises'
import { uriOfDatabase } from './database.js'
import { BackupError } from './errors.js'

const line = /^(?<before>\s*(?:export\s+)?MONGO_URI=)(?<quote>["']?)(?<uri>mongodb(?:\+srv)?:\/\/[^"'\s]+)\k<quote>\s*$/m

/** A file of environment variables that says which database is used. */
export interface Switch {
  /** Makes it name another one; whole or not at all. */
  to(database: string): Promise<void>
}

/** @throws BackupError where the file cannot be read, or has no line `MONGO_URI=…` */
export const switchIn = async (path: string): Promise<Switch> => {
  const read = async (): Promise<string> => {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      throw new BackupError(`${path} cannot be read`, { cause: error })
    })
    if (!line.test(text)) throw new BackupError(`${path} has no line that begins with MONGO_URI=mongodb`)
    return text
  }
  await read()
  return {
    async to(database) {
      const changed = (await read()).replace(
        line,
        (_, before: string, quote: string, uri: string) => `${before}${quote}${uriOfDatabase(uri, database)}${quote}`,
      )
      const { mode, uid, gid } = await stat(path)
      const fresh = `${path}.new`
      await rm(fresh, { force: true })
      const file = await open(fresh, 'wx', 0o600)
      try {
        await file.chown(uid, gid)
        await file.chmod(mode) // whatever the umask says
        await file.writeFile(changed)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(fresh, path)
    },
  }
}
