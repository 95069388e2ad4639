import type { UploadSweeper } from '../uploads/index.js'
import { type Job, mostBatches } from './job.js'

const batchSize = 100
const straysEveryMs = 3_600_000

/** Uploads that nobody needs, and what they left; what nobody knows of in the storage is looked for once an hour. */
export const unusedUploads = (sweeper: Pick<UploadSweeper, 'sweep' | 'takeBack' | 'removeStrays'>): Job => {
  let straysAt = Number.NEGATIVE_INFINITY
  return {
    name: 'unused uploads',

    async run(goOn) {
      let done = await sweeper.takeBack(batchSize)
      for (let batch = 0; batch < mostBatches && (await goOn()); batch++) {
        const found = await sweeper.sweep(batchSize)
        done += found
        if (found < batchSize) break
      }
      if (performance.now() - straysAt < straysEveryMs || !(await goOn())) return done
      straysAt = performance.now()
      return done + (await sweeper.removeStrays(goOn))
    },
  }
}
