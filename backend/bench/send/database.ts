import mongoose, { type mongo } from 'mongoose'
import { type MessageDocument, messageSchema } from '../../src/features/messages/model.js'

interface RoundDatabase {
  readonly name: string
  /** The server's, as it says itself. */
  readonly version: string
  readonly messages: mongo.Collection<MessageDocument>
  drop(): Promise<void>
}

/** Makes an empty database with the product's indexes; `drop` removes it. */
export const createDatabase = async (url: string, name: string): Promise<RoundDatabase> => {
  const connection = await mongoose.createConnection(url, { dbName: name, autoIndex: false, autoCreate: false }).asPromise()
  const model = connection.model<MessageDocument>('Message', messageSchema)
  await model.createCollection()
  await model.createIndexes()
  const stored = connection.getClient().db(name)
  const { version } = await stored.command({ buildInfo: 1 })
  return {
    name,
    version: String(version),
    messages: stored.collection<MessageDocument>('messages'),
    async drop() {
      await connection.dropDatabase()
      await connection.close()
    },
  }
}
