import { setTimeout as sleep } from 'node:timers/promises'
import { Problem } from '../../http/problem.js'
import { isWriteConflict } from '../../platform/write-conflict.js'

const mostAttempts = 20
const pauseMs = 5

/**
 * Does a change anew, on what is there then, where something else changed at the same time: `attempt` answers null, or the database refuses it.
 * Each failure is another one's success, or waits for a majority to have it. @throws Problem conflict after 20 times
 */
export const whileOthersWrite = async <T>(attempt: () => Promise<T | null>): Promise<T> => {
  for (let failures = 0; failures < mostAttempts; failures++) {
    if (failures > 0) await sleep(Math.random() * pauseMs * failures)
    const outcome = await attempt().catch((error: unknown) => {
      if (isWriteConflict(error)) return null
      throw error
    })
    if (outcome !== null) return outcome
  }
  throw new Problem('conflict', 'The message is being changed by others; try again')
}
