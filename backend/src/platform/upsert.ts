import { isDuplicateKey } from './duplicate-key.js'
import { isWriteConflict } from './write-conflict.js'

const mostAttempts = 5

/** Does an upsert anew where another one made the document at the same moment. @throws where that happened five times */
export const upserting = async (upsert: () => Promise<unknown>): Promise<void> => {
  for (let attempts = 1; ; attempts++) {
    try {
      await upsert()
      return
    } catch (error) {
      if (attempts >= mostAttempts || !(isDuplicateKey(error) || isWriteConflict(error))) throw error
    }
  }
}
