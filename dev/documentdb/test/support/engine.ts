import { MongoClient } from 'mongodb'
import { onTestFinished } from 'vitest'
import { startDocumentDb } from '../../documentdb.js'

/** A running engine, stopped after the test at the latest, and a client of it. */
export const anEngine = async (dataFolder: string, { durable = false } = {}) => {
  const engine = await startDocumentDb({ dataFolder, durable, progress: console.log })
  const client = new MongoClient(engine.url, { serverSelectionTimeoutMS: 15_000 })
  const stop = async () => {
    await client.close()
    await engine.stop()
  }
  onTestFinished(stop)
  return { url: engine.url, client, stop }
}
