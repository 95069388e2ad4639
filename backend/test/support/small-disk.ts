import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { aFolder } from './local-storage.js'

/** A disk of a megabyte, where this user may have one. */
export const aSmallDisk = async (): Promise<string | undefined> => {
  const place = await aFolder()
  const run = promisify(execFile)
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place])
  } catch {
    return undefined
  }
  onTestFinished(async () => void (await run('umount', ['--lazy', place])))
  return place
}
