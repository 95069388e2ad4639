import { onTestFinished } from 'vitest'
import { run } from '../../../dev/services/run.js'
import { aFolder } from './local-storage.js'

const deadlineSeconds = 10

/** A disk of a megabyte. @throws Error where this user may mount none: `sudo npm test`, or a container with CAP_SYS_ADMIN */
export const aSmallDisk = async (): Promise<string> => {
  const place = await aFolder()
  await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place], { deadlineSeconds })
  onTestFinished(async () => void (await run('umount', ['--lazy', place], { deadlineSeconds })))
  return place
}
