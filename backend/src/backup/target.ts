import type { mongo } from 'mongoose'
import { BackupError } from './errors.js'

const nameForm = /^[\w-]{1,63}$/
const restoreId = 'restore'

interface Marker {
  _id: typeof restoreId
  archive: string
}

interface Lease {
  _id: string
  expiresAt: Date
}

const markers = (db: mongo.Db): mongo.Collection<Marker> => db.collection<Marker>('meta')

/** @throws BackupError where a worker serves this database: what it acknowledges would be lost */
export const requireStopped = async (db: mongo.Db): Promise<void> => {
  const [living] = await db
    .collection<Lease>('leases')
    .aggregate<{ count: number }>([
      { $match: { _id: /^worker:/ } },
      { $project: { lives: { $gt: ['$expiresAt', '$$NOW'] } } },
      { $match: { lives: true } },
      { $count: 'count' },
    ])
    .toArray()
  if (living && living.count > 0) {
    const workers = living.count === 1 ? '1 worker serves' : `${living.count} workers serve`
    throw new BackupError(`${workers} ${db.databaseName}, or did within 15 s: stop them first, or rehearse by --rehearse`)
  }
}

/**
 * Makes a database the place of a restore. What another restore has left unfinished in it is removed.
 * @throws BackupError where anything else is in it
 */
export const takePlace = async (db: mongo.Db, archive: string): Promise<void> => {
  if (!nameForm.test(db.databaseName)) throw new BackupError(`${db.databaseName} is not a name for a database`)
  if (await markers(db).findOne({ _id: restoreId })) await db.dropDatabase()
  const filled: string[] = []
  for (const { name } of await db.listCollections({ type: 'collection' }, { nameOnly: true }).toArray()) {
    if (name !== 'meta' && name !== 'leases' && (await db.collection(name).findOne({}, { projection: { _id: 1 } }))) filled.push(name)
  }
  if (filled.length > 0)
    throw new BackupError(`${db.databaseName} is not empty (${filled.slice(0, 3).join(', ')}): name a new one by --into`)
  await db.dropDatabase()
  await markers(db).insertOne({ _id: restoreId, archive })
}

/** From here on it is a database like any other. */
export const leavePlace = async (db: mongo.Db): Promise<void> => {
  await markers(db).deleteOne({ _id: restoreId })
}
