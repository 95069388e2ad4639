import { MongoServerError } from 'mongodb'
import { expect } from 'vitest'

/** The server's error that a promise must end with, of this code. */
export const failure = async (promise: Promise<unknown>, code: number): Promise<MongoServerError> => {
  const error: unknown = await promise.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof MongoServerError)) throw error
  expect({ code: error.code, message: error.message }).toMatchObject({ code })
  return error
}
