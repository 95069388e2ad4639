import { Problem } from '../../http/problem.js'
import { ContentUnavailable } from '../../platform/content/content-errors.js'
import { type Storage, StorageUnavailable } from '../../platform/storage/storage.js'

const retryAfterSeconds = 5

/** Does what needs the storage. @throws Problem service_unavailable where it cannot be reached */
export const withStorage = async <T>(storage: Storage, work: (storage: Storage) => Promise<T>): Promise<T> => {
  try {
    return await work(storage)
  } catch (error) {
    if (error instanceof ContentUnavailable) {
      throw new Problem('service_unavailable', 'The file cannot be looked at now; try again', { cause: error, retryAfterSeconds })
    }
    if (!(error instanceof StorageUnavailable)) throw error
    throw new Problem('service_unavailable', 'The storage cannot be reached; try again', { cause: error, retryAfterSeconds })
  }
}
