import { setTimeout as sleep } from 'node:timers/promises'

/** It failed for the moment: the same may succeed later. */
export class PassingError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'PassingError'
  }
}

interface Patience {
  readonly mostAttempts: number
  /** Doubled each time, and spread by half, so that those who failed together do not come back together. */
  readonly firstPauseMs: number
}

/** Tries until it succeeds, fails for good (anything but a PassingError), has failed so often, or the signal is aborted. @throws what it failed with last */
export const retry = async <T>(attempt: () => Promise<T>, { mostAttempts, firstPauseMs }: Patience, signal: AbortSignal): Promise<T> => {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof PassingError) || attempts >= mostAttempts) throw error
      const pauseMs = firstPauseMs * 2 ** (attempts - 1) * (0.5 + Math.random())
      await sleep(pauseMs, undefined, { signal }).catch(() => {
        throw error // tells more than that there was no time for another attempt
      })
    }
  }
}
