import { setTimeout as delay } from 'node:timers/promises'
import type { Call } from './call.js'
import { isConflict, isDuplicateKey, stateOf } from './sqlstate.js'

/** Some five seconds: where hundreds race for one key on a busy machine, somebody loses twenty times. */
export const conflictRetries = 100
export const lostUpsertRetries = 5

const mostPauseMs = 100

/** Longer after each attempt, and never the same for two writers that met. */
export const pauseAfter = (attempt: number): Promise<void> => delay(Math.random() * Math.min(5 * (attempt + 1), mostPauseMs))

/**
 * Runs a command again when it met another writer, as MongoDB does outside of transactions. An upsert is also run again when another one
 * inserted first: it then finds that document.
 */
export const retryConflicts = async <T>(call: Call, run: () => T | Promise<T>): Promise<T> => {
  const upserts = call.command.upsert === true
  for (let attempt = 0; ; attempt++) {
    try {
      return await run()
    } catch (error) {
      if (call.transaction) throw error
      const state = stateOf(error)
      const again = isConflict(state) ? attempt < conflictRetries : upserts && isDuplicateKey(state) && attempt < lostUpsertRetries
      if (!again) throw error
      await pauseAfter(attempt)
    }
  }
}
