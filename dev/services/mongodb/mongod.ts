import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { freePort } from '../free-port.js'
import type { RunningMongoDb } from '../mongodb.js'
import type { Setting } from '../service.js'
import { startServer } from '../start-server.js'
import { bringUpReplicaSet, replicaSetName } from './replica-set.js'

const flagsOfTests = ['--oplogSize', '128', '--wiredTigerCacheSizeGB', '0.5', '--setParameter', 'diagnosticDataCollectionEnabled=false']

const withClient = async <T>(url: string, timeoutMilliseconds: number, work: (client: MongoClient) => Promise<T>): Promise<T> => {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: timeoutMilliseconds, connectTimeoutMS: timeoutMilliseconds })
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

/**
 * Starts a mongod on a free port of 127.0.0.1, as the only member of a replica set (transactions and majority reads need one).
 * @throws Error with the end of its log where it does not come up
 */
export const startMongod = async (path: string, { dataFolder, durable }: Setting): Promise<RunningMongoDb> => {
  const folder = join(dataFolder, 'mongod')
  const databaseFolder = join(folder, 'db')
  mkdirSync(databaseFolder, { recursive: true })
  const port = await freePort()
  const address = `127.0.0.1:${port}`
  const directUrl = `mongodb://${address}/?directConnection=true`
  const server = await startServer({
    command: path,
    arguments: [
      ['--dbpath', databaseFolder],
      ['--port', String(port)],
      ['--bind_ip', '127.0.0.1'],
      ['--replSet', replicaSetName],
      ['--nounixsocket', '--quiet'],
      durable ? [] : flagsOfTests,
    ].flat(),
    logFile: join(folder, 'mongod.log'),
    readyDeadlineSeconds: 30,
    stopDeadlineSeconds: 15,
    ...(durable ? { claimFile: join(folder, 'in-use') } : { removeFolder: folder }),
    probe: () => withClient(directUrl, 1000, (client) => client.db('admin').command({ ping: 1 })),
  })
  try {
    await withClient(directUrl, 5000, (client) => bringUpReplicaSet(client.db('admin'), address))
  } catch (error) {
    await server.stop()
    throw error
  }
  return {
    url: `mongodb://${address}/?replicaSet=${replicaSetName}`,
    engine: 'mongod',
    description: `started ${path}`,
    stop: () => server.stop(),
  }
}
