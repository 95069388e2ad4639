import type { mongo } from 'mongoose'
import type { Logger } from '../platform/logger.js'
import { Leases } from '../realtime/leases.js'
import { BackupError } from './errors.js'

interface Lease {
  _id: string
  holder: string
  expiresAt: Date
}

const name = 'backup'
const renewEveryMs = 5000

/**
 * Does something of which a database has one at a time, wherever it is begun. Whoever dies gives it free within 15 s.
 * @throws BackupError where another one does it
 */
export const alone = async <T>(db: mongo.Db, logger: Logger, work: () => Promise<T>): Promise<T> => {
  const leases = () => db.collection<Lease>('leases')
  const own = new Leases({ leases, logger })
  if (!(await own.hold(name))) throw new BackupError('another backup of this database is being made')
  const timer = setInterval(() => {
    own.hold(name).catch((error: unknown) => logger.warn({ err: error }, 'the lease of the backup was not renewed'))
  }, renewEveryMs)
  try {
    return await work()
  } finally {
    clearInterval(timer)
    await leases()
      .deleteOne({ _id: name, holder: own.worker })
      .catch(() => undefined) // it runs out
  }
}
