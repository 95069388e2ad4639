import { StorageRefusal } from './storage.js'

/** @returns undefined where the storage refused for this reason */
export const ignoring = async <T>(reason: StorageRefusal['reason'], work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work
  } catch (error) {
    if (error instanceof StorageRefusal && error.reason === reason) return undefined
    throw error
  }
}
