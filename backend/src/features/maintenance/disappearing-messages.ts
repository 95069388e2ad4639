import type { DueMessages } from '../messages/index.js'
import { type Job, mostBatches } from './job.js'

const batchSize = 200

/** Messages whose time is over become tombstones. What is left after 10,000 is due at the next turn. */
export const disappearingMessages = (due: Pick<DueMessages, 'bury'>): Job => ({
  name: 'disappearing messages',

  async run(goOn) {
    let buried = 0
    for (let batch = 0; batch < mostBatches && (await goOn()); batch++) {
      const found = await due.bury(batchSize)
      buried += found
      if (found < batchSize) break
    }
    return buried
  },
})
