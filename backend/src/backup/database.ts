import { mongo } from 'mongoose'
import type { Config } from '../config.js'
import { messageOf } from '../platform/message-of.js'
import { databaseOf } from '../platform/mongo.js'
import { BackupError } from './errors.js'

/** A connection that is this command's alone; whoever opens it closes it. */
export interface Server {
  readonly client: mongo.MongoClient
  /** The name of the database that is configured. */
  readonly database: string
}

/** @throws BackupError where MongoDB cannot be reached */
export const openServer = async ({ mongo: { uri, selectionTimeoutMs } }: Pick<Config, 'mongo'>): Promise<Server> => {
  const client = new mongo.MongoClient(uri, {
    appName: 'heliograph-backup',
    serverSelectionTimeoutMS: selectionTimeoutMs,
    writeConcern: { w: 'majority', journal: true },
    readPreference: 'primary',
    readConcern: { level: 'majority' },
  })
  try {
    await client.connect()
    await client.db().command({ ping: 1 })
  } catch (error) {
    await client.close()
    throw new BackupError(`MongoDB cannot be reached: ${messageOf(error)}`, { cause: error })
  }
  return { client, database: databaseOf(uri) }
}

const uriParts = /^(mongodb(?:\+srv)?:\/\/)([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/

/** The same server and who signs in to it, and another database. */
export const uriOfDatabase = (uri: string, database: string): string => {
  const [, scheme = '', host = '', before = '', query = ''] = uriParts.exec(uri) ?? []
  const signsIn = host.includes('@') && before !== '' && !/(^|&)authSource=/i.test(query)
  const words = [query, signsIn ? `authSource=${before}` : ''].filter((word) => word !== '').join('&')
  return `${scheme}${host}/${database}${words === '' ? '' : `?${words}`}`
}
