import { OverloadedError } from '../bounded-work.js'
import { ContentUnavailable } from './content-errors.js'

const isLate = (error: unknown): boolean =>
  error instanceof OverloadedError || (error instanceof Error && ['AbortError', 'TimeoutError'].includes(error.name))

/** Waits for bounded work. @throws ContentUnavailable where it had no place or no time; what the work throws */
export const orForLater = async <T>(work: Promise<T>): Promise<T> => {
  try {
    return await work
  } catch (error) {
    throw isLate(error) ? new ContentUnavailable('there is too much to look at', { cause: error }) : error
  }
}
