import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mongo } from 'mongoose'
import { Client } from 'undici'
import { inject } from 'vitest'
import { z } from 'zod'
import '../../../dev/provided.js'
import { becomesTrue } from '../../../dev/services/deadline.js'
import { freePort } from '../../../dev/services/free-port.js'
import { projectFolder } from '../../../dev/services/project.js'
import { run } from '../../../dev/services/run.js'
import { supervise } from '../../../dev/services/supervise.js'

const require = createRequire(import.meta.url)
const pm2 = require.resolve('pm2/bin/pm2')
const migrate = join(projectFolder, 'backend/dist/migrate.js')
const pm2Runtime = require.resolve('pm2/bin/pm2-runtime')
const Health = z.object({ worker: z.string() })
const readyDeadlineSeconds = 60

/** Workers of the API under PM2, one address for all. */
export interface Cluster {
  readonly origin: string
  /** A connection that reaches this worker, and no other until it is closed. */
  connectTo(worker: string): Promise<Client>
  /** Has the members of a conversation joined long ago: who joined within the clocks' margin before they come back is told to fetch. */
  joinedLongAgo(conversationId: string): Promise<void>
  /** The workers' process ids, as PM2 has them now. */
  pids(): Promise<number[]>
  /** Replaces every worker by a new one, one after the other. */
  reload(): Promise<void>
  /** Resolves when every worker can be used. */
  ready(): Promise<void>
  /** PM2's home. */
  readonly folder: string
  /** LOG_DIR. */
  readonly logs: string
  stop(): Promise<void>
}

const workerOf = async (client: Client): Promise<string> => {
  const { body } = await client.request({ method: 'GET', path: '/health' })
  return Health.parse(await body.json()).worker
}

const isReady = async (client: Client): Promise<boolean> => {
  try {
    const { statusCode, body } = await client.request({ method: 'GET', path: '/health/ready' })
    await body.dump()
    return statusCode === 200
  } catch {
    return false
  }
}

/** PM2 deals connections out in turn, so that a few tries reach every worker. */
const connectTo = async (origin: string, worker: string): Promise<Client> => {
  for (let attempt = 0; attempt < 50; attempt++) {
    const client = new Client(origin)
    if ((await isReady(client)) && (await workerOf(client)) === worker) return client
    await client.close()
  }
  throw new Error(`No connection reached worker ${worker}`)
}

const workersReady = (origin: string, count: number): Promise<boolean> => {
  const seen = new Set<string>()
  return becomesTrue(
    readyDeadlineSeconds,
    async () => {
      const client = new Client(origin)
      if (await isReady(client)) seen.add(await workerOf(client))
      await client.close()
      return seen.size === count
    },
    50,
  )
}

interface Options {
  /** Migrates, and starts with `--env production`. */
  readonly production?: boolean
}

/** Starts so many workers by ecosystem.config.js, with a database and a PM2 of their own. */
export const startCluster = async (
  workers: number,
  settings: Record<string, string>,
  { production = false }: Options = {},
): Promise<Cluster> => {
  const folder = mkdtempSync(join(tmpdir(), 'heliograph-cluster-'))
  const logs = join(folder, 'logs')
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const database = `cluster_${port}_${randomBytes(3).toString('hex')}`
  const mongoUrl = new URL(inject('mongoUrl'))
  mongoUrl.pathname = `/${database}`
  const environment = {
    ...process.env,
    AWS_S3_ENDPOINT: '', // of tests that make buckets there
    ...settings,
    NODE_ENV: 'test',
    WORKERS: String(workers),
    PORT: String(port),
    MONGO_URI: mongoUrl.href,
    REDIS_URL: inject('redisUrl'),
    JWT_SECRET: randomBytes(48).toString('base64url'),
    PM2_HOME: folder,
    LOG_DIR: logs,
  }
  const pm2By = async (...words: string[]) => (await run(process.execPath, [pm2, ...words], { deadlineSeconds: 90, environment })).output
  const logFile = join(folder, 'pm2-runtime.log')
  if (production) await run(process.execPath, [migrate], { deadlineSeconds: 60, environment: { ...environment, NODE_ENV: 'production' } })
  const processes = await supervise({
    command: process.execPath,
    arguments: [pm2Runtime, 'start', join(projectFolder, 'ecosystem.config.js'), ...(production ? ['--env', 'production'] : [])],
    environment,
    stopDeadlineSeconds: 40,
    output: { file: logFile },
  })
  const inDatabase = async (work: (database: mongo.Db) => Promise<unknown>) => {
    const client = new mongo.MongoClient(inject('mongoUrl'))
    try {
      await work(client.db(database))
    } finally {
      await client.close()
    }
  }
  const stop = async () => {
    await processes.stop()
    await inDatabase((its) => its.dropDatabase())
    rmSync(folder, { recursive: true, force: true })
  }
  const ready = async () => {
    if (await workersReady(origin, workers)) return
    const said = [logFile, join(logs, 'chat-api.log')].filter(existsSync).map((path) => readFileSync(path, 'utf8').slice(-4000))
    throw new Error(`The workers were not ready within ${readyDeadlineSeconds} s:\n${said.join('\n')}`)
  }
  await ready().catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return {
    origin,
    connectTo: (worker) => connectTo(origin, worker),
    joinedLongAgo: (conversationId) =>
      inDatabase((its) =>
        its
          .collection('conversations')
          .updateOne({ _id: new mongo.ObjectId(conversationId) }, { $set: { 'members.$[].joinedAt': new Date(0) } }),
      ),
    async pids() {
      return (await pm2By('pid', 'chat-api')).trim().split('\n').map(Number)
    },
    async reload() {
      await pm2By('reload', 'chat-api')
    },
    ready,
    folder,
    logs,
    stop,
  }
}
