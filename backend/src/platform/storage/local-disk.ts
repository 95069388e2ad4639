import { open } from 'node:fs/promises'
import { withDeadline } from '../deadline.js'
import { StorageRefusal, StorageUnavailable } from './storage.js'

const full = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

/** Awaits work on the disk. @throws StorageUnavailable where the disk fails, but for the codes that are expected */
export const onDisk = async <T>(what: string, work: Promise<T>, expected: readonly string[] = []): Promise<T> => {
  try {
    return await work
  } catch (error) {
    const code = codeOf(error)
    if (error instanceof StorageUnavailable || error instanceof StorageRefusal || (code !== undefined && expected.includes(code)))
      throw error
    throw new StorageUnavailable(code !== undefined && full.has(code) ? `no room is left for ${what}` : `${what} failed`, { cause: error })
  }
}

/** As `onDisk`, for what moves few bytes: a network's disk may never answer. */
export const onDiskSoon = <T>(what: string, work: Promise<T>, deadlineMs: number, expected: readonly string[] = []): Promise<T> =>
  onDisk(what, withDeadline(work, deadlineMs, what), expected)

/** What was renamed into or out of a folder is so for good. */
export const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
