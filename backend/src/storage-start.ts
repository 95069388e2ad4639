import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from './platform/logger.js'
import { type Storage, StorageUnavailable } from './platform/storage/storage.js'

const askAgainMs = 15_000

/**
 * Looks once whether the storage was set up, as soon as it can be asked.
 * @returns false where it was not; what is wrong has been logged
 */
export const checkStorage = async (
  storage: Pick<Storage, 'faults'>,
  { logger, signal, againMs = askAgainMs }: { logger: Logger; signal: AbortSignal; againMs?: number },
): Promise<boolean> => {
  while (!signal.aborted) {
    try {
      const faults = await storage.faults()
      for (const fault of faults) logger.warn(fault)
      return faults.length === 0
    } catch (error) {
      if (!(error instanceof StorageUnavailable)) throw error
      logger.warn({ err: error }, 'the storage cannot be looked at yet')
    }
    await sleep(againMs, undefined, { signal }).catch(() => undefined)
  }
  return true
}
