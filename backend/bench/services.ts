import { obtainMongoDb } from '../../dev/services/mongodb.js'
import { obtainRedis } from '../../dev/services/redis.js'
import { temporaryFolder } from '../../dev/services/temporary-folder.js'
import type { Closing } from '../../dev/start/closing.js'

/** MongoDB (MONGO_URI, else started) and Redis (REDIS_URL, else started). What is started waits for its disk, as in production. */
export const obtainServices = async (closing: Closing) => {
  const folder = temporaryFolder()
  closing.add(() => folder.remove())
  const setting = { environment: process.env, dataFolder: folder.path, durable: true, progress: (line: string) => console.log(line) }
  const mongoDb = await obtainMongoDb(setting)
  closing.add(() => mongoDb.stop())
  const redis = await obtainRedis(setting)
  closing.add(() => redis.stop())
  return { mongoDb, redis }
}
