import { MongoClient } from 'mongodb'
import { within } from '../deadline.js'
import type { RunningMongoDb } from '../mongodb.js'
import type { Way } from '../service.js'
import { withoutCredentials } from '../without-credentials.js'

const deadlineSeconds = 5

const ping = async (url: string): Promise<void> => {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: deadlineSeconds * 1000, connectTimeoutMS: deadlineSeconds * 1000 })
  try {
    await within(deadlineSeconds + 1, 'the ping', client.db('admin').command({ ping: 1 }))
  } finally {
    await client.close()
  }
}

/** The server that MONGO_URI names. */
export const givenMongoUrl: Way<RunningMongoDb> = {
  name: 'the address in MONGO_URI',
  remedy: "to use a server of yours: export MONGO_URI='mongodb://127.0.0.1:27017/?replicaSet=rs0'",
  async find({ environment }) {
    const url = environment['MONGO_URI']
    if (!url) return { usable: false, reason: 'MONGO_URI is not set' }
    try {
      await ping(url)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(
        `MONGO_URI names ${withoutCredentials(url)}, which does not answer: ${reason}. Start that server, or unset MONGO_URI.`,
        { cause: error },
      )
    }
    return { usable: true, start: async () => ({ url, engine: 'mongod', description: 'found (MONGO_URI)', stop: async () => {} }) }
  },
}
