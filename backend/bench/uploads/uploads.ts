import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { freePort } from '../../../dev/services/free-port.js'
import { temporaryFolder } from '../../../dev/services/temporary-folder.js'
import { Closing } from '../../../dev/start/closing.js'
import { type Child, startChild } from '../child.js'
import { compileBench } from '../compile.js'
import { withDatabase } from '../database.js'
import { obtainServices } from '../services.js'
import { quantile, rounded } from '../statistics.js'
import { Listening, Presigned, type Uploads } from './contract.js'
import { beginTalks, sendMessages, type Talk } from './messages.js'
import { bigMebibytes, crowd, type Measured, messagesPerSecond, tell } from './report.js'

const serverCore = 0
const loadCore = 1
const rounds = 5
const roundMs = 8000
/** Until all of them are under way; the last ones begin their last upload when the round ends. */
const rampMs = (crowd.mebibytesEach / crowd.mebibytesPerSecond) * 1000

interface Bench {
  readonly server: Child<z.infer<typeof Listening>>
  readonly loader: Child<string>
  readonly origin: string
  readonly people: readonly Talk[]
}

/** `npm run bench -- uploads`: what uploads to the folder cost a worker's memory, and those who write messages meanwhile. */
export const benchUploads = async (): Promise<void> => {
  const closing = new Closing()
  try {
    const bench = await start(closing)
    const big = await memoryOfBig(bench)
    const presigned = await bench.server.ask(Presigned, 'presign', 60)
    tell({ presigned, ...big, ...(await messagesMeanwhile(bench)) })
  } finally {
    await closing.close()
  }
}

const start = async (closing: Closing): Promise<Bench> => {
  const compiled = await compileBench()
  const { mongoDb, redis } = await obtainServices(closing)
  const folder = temporaryFolder()
  closing.add(() => folder.remove())
  const port = String(await freePort())
  const origin = `http://127.0.0.1:${port}`
  const environment = {
    NODE_ENV: 'development',
    PORT: port,
    API_URL: origin,
    MONGO_URI: withDatabase(mongoDb.url, `heliograph_bench_${randomBytes(5).toString('hex')}`),
    REDIS_URL: redis.url,
    JWT_SECRET: randomBytes(48).toString('base64'),
    UPLOAD_DIR: join(folder.path, 'uploads'),
    MAX_FILE_SIZE: '2GB',
    UPLOAD_QUOTA: '100GB',
    UPLOAD_DAILY: '100GB',
    PHONE_VERIFICATION: 'optional',
    ...Object.fromEntries(['REGISTER', 'MESSAGES', 'UPLOADS', 'API'].map((limit) => [`LIMIT_${limit}`, '1000000/s'])),
  }
  const server = await startChild(Listening, { script: compiled('uploads/ours.js'), core: serverCore, environment, closing })
  const loader = await startChild(z.string(), { script: compiled('uploads/load.js'), core: loadCore, closing })
  return { server, loader, origin, people: await beginTalks(origin, crowd.people / 2) }
}

/** @returns the seconds that they took */
const upload = ({ loader, origin, people }: Bench, count: number, uploads: Omit<Uploads, 'origin' | 'accessTokens'>): Promise<number> => {
  const accessTokens = people.flatMap((talk) => talk.accessTokens).slice(0, count)
  return loader.ask(z.number(), { origin, accessTokens, ...uploads } satisfies Uploads, 120)
}

const memoryOfBig = async (bench: Bench): Promise<Pick<Measured, 'growthMebibytes' | 'seconds'>> => {
  const peak = () => bench.server.ask(z.number(), 'peak', 5)
  await upload(bench, 2, { mebibytesEach: 16, times: 1 }) // what is made once is no growth
  await peak()
  const before = await peak()
  const seconds = await upload(bench, 1, { mebibytesEach: bigMebibytes, times: 1 })
  const growthMebibytes = (await peak()) - before
  const [from, by, took] = [before, growthMebibytes, seconds].map(rounded)
  console.log(`an upload of ${bigMebibytes} MiB: the worker grew from ${from} by ${by} MiB, ${took} s`)
  return { growthMebibytes, seconds }
}

const messagesMeanwhile = async (bench: Bench): Promise<Pick<Measured, 'quiet' | 'busy'>> => {
  const sent = async (): Promise<number[]> => sendMessages(bench.origin, bench.people, messagesPerSecond, AbortSignal.timeout(roundMs))
  const sentMeanwhile = async (): Promise<number[]> => {
    const uploading = upload(bench, crowd.people, crowd)
    const [latencies] = await Promise.all([sleep(rampMs).then(sent), uploading])
    return latencies
  }
  await sent()
  const quiet: number[][] = []
  const busy: number[][] = []
  for (let round = 1; round <= rounds; round++) {
    quiet.push(await sent())
    busy.push(await sentMeanwhile())
    const p99s = [quiet, busy].map((all) => rounded(quantile(all.at(-1) ?? [], 0.99)))
    console.log(`round ${round} of ${rounds}: p99 ${p99s[0]} ms, with uploads ${p99s[1]} ms`)
  }
  return { quiet, busy }
}
