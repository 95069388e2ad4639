import { crashDatabase, killDatabase, restoreDatabase } from './database.js'
import type { Fault } from './fault.js'
import { cutFromRedis, failOver, failOverBehindACut, holdRedis, restartEmpty, restartFromFile, splitRedis } from './redis.js'
import { holdWorker, killWorker, reloadWorkers } from './workers.js'

/** All that a run may do to the product. */
export const faults: readonly Fault[] = [
  killWorker,
  holdWorker,
  reloadWorkers,
  restartEmpty,
  restartFromFile,
  holdRedis,
  cutFromRedis,
  failOver,
  failOverBehindACut,
  splitRedis,
  crashDatabase,
  killDatabase,
  restoreDatabase,
]
