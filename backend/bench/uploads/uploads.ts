import { createHash, createSecretKey, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { temporaryFolder } from '../../../dev/services/temporary-folder.js'
import { Closing } from '../../../dev/start/closing.js'
import { LocalStorage } from '../../src/platform/storage/local-storage.js'
import { type Child, startChild } from '../child.js'
import { compileBench } from '../compile.js'
import { withDatabase } from '../database.js'
import { report } from '../results.js'
import { obtainServices } from '../services.js'
import { median, quantile, rounded } from '../statistics.js'
import { Listening, mebibyte, piece, type Uploads } from './contract.js'
import { beginTalks, sendMessages } from './messages.js'

const serverCore = 0
const loadCore = 1
const rounds = 5
const talks = 20
const messagesPerSecond = 50
const quietMs = 8000
/** Fifty people on lines of 8 Mbit/s. */
const crowd = { count: 50, mebibytesEach: 8, mebibytesPerSecond: 1 }
const bigMebibytes = 1024
const goals = { growthMebibytes: 20, p99Times: 2, presignMicroseconds: 1000 }

interface Bench {
  readonly server: Child<z.infer<typeof Listening>>
  readonly loader: Child<string>
  readonly storage: LocalStorage
}

/** `npm run bench -- uploads`: what uploads to the folder cost a worker's memory, and those who write messages meanwhile. */
export const benchUploads = async (): Promise<void> => {
  const closing = new Closing()
  try {
    const bench = await start(closing)
    const origin = `http://127.0.0.1:${bench.server.first.port}`
    const presignMicroseconds = await bench.server.ask(z.number(), 'presign', 60)

    await upload(bench, { count: 2, mebibytesEach: 16 }) // what is made once is no growth
    const before = await bench.server.ask(z.number(), 'peak', 5)
    const seconds = await upload(bench, { count: 1, mebibytesEach: bigMebibytes })
    const growthMebibytes = (await bench.server.ask(z.number(), 'peak', 5)) - before
    console.log(`an upload of ${bigMebibytes} MiB: the worker grew by ${rounded(growthMebibytes)} MiB, ${rounded(seconds)} s`)

    const people = await beginTalks(origin, talks)
    const during = async (work: () => Promise<unknown>): Promise<number[]> => {
      const stop = new AbortController()
      const sending = sendMessages(origin, people, messagesPerSecond, stop.signal)
      await work().finally(() => stop.abort())
      return sending
    }
    await during(() => sleep(quietMs / 2))
    const quiet: number[][] = []
    const busy: number[][] = []
    for (let round = 1; round <= rounds; round++) {
      quiet.push(await during(() => sleep(quietMs)))
      busy.push(await during(() => upload(bench, crowd)))
      const p99s = [quiet, busy].map((all) => rounded(quantile(all.at(-1) ?? [], 0.99)))
      console.log(`round ${round} of ${rounds}: p99 ${p99s[0]} ms, with uploads ${p99s[1]} ms`)
    }
    tell({ presignMicroseconds, growthMebibytes, seconds, quiet, busy })
  } finally {
    await closing.close()
  }
}

const start = async (closing: Closing): Promise<Bench> => {
  const compiled = await compileBench()
  const { mongoDb, redis } = await obtainServices(closing)
  const folder = temporaryFolder()
  closing.add(() => folder.remove())
  const [secret, uploads] = [randomBytes(48).toString('base64'), join(folder.path, 'uploads')]
  const environment = {
    NODE_ENV: 'development',
    MONGO_URI: withDatabase(mongoDb.url, `heliograph_bench_${randomBytes(5).toString('hex')}`),
    REDIS_URL: redis.url,
    JWT_SECRET: secret,
    UPLOAD_DIR: uploads,
    PHONE_VERIFICATION: 'optional',
    LIMIT_REGISTER: '1000000/s',
    LIMIT_MESSAGES: '1000000/s',
  }
  const server = await startChild(Listening, { script: compiled('uploads/ours.js'), core: serverCore, environment, closing })
  const loader = await startChild(z.string(), { script: compiled('uploads/load.js'), core: loadCore, closing })
  const url = `http://127.0.0.1:${server.first.port}/api/v1/uploads/local`
  return { server, loader, storage: new LocalStorage({ folder: uploads, url, keys: [createSecretKey(secret, 'utf8')] }) }
}

interface Crowd {
  readonly count: number
  readonly mebibytesEach: number
  readonly mebibytesPerSecond?: number
}

/** So many at once, removed afterwards. @returns the seconds that they took */
const upload = async ({ storage, loader }: Bench, { count, ...each }: Crowd): Promise<number> => {
  const hash = createHash('sha256')
  for (let n = 0; n < each.mebibytesEach; n++) hash.update(piece)
  const object = { size: each.mebibytesEach * mebibyte, contentType: 'video/mp4', sha256: hash.digest('base64') }
  const keys = Array.from({ length: count }, () => `pending/${randomBytes(12).toString('hex')}`)
  const requests = await Promise.all(keys.map((key) => storage.presignPut({ key, ...object })))
  const seconds = await loader.ask(
    z.number(),
    { requests: requests.map(({ url, headers }) => ({ url, headers })), ...each } satisfies Uploads,
    120,
  )
  await storage.remove(keys)
  return seconds
}

interface Measured {
  readonly presignMicroseconds: number
  readonly growthMebibytes: number
  readonly seconds: number
  readonly quiet: readonly number[][]
  readonly busy: readonly number[][]
}

const tell = ({ presignMicroseconds, growthMebibytes, seconds, quiet, busy }: Measured): void => {
  const p99 = (all: readonly number[][]) => rounded(median(all.map((latencies) => quantile(latencies, 0.99))))
  const p50 = (all: readonly number[][]) => rounded(median(all.map((latencies) => quantile(latencies, 0.5))))
  const figures = {
    presignMicroseconds: rounded(presignMicroseconds),
    growthMebibytes: rounded(growthMebibytes),
    bigMebibytesPerSecond: rounded(bigMebibytes / seconds),
    messages: {
      perSecond: messagesPerSecond,
      quiet: { p50Ms: p50(quiet), p99Ms: p99(quiet) },
      busy: { p50Ms: p50(busy), p99Ms: p99(busy) },
    },
  }
  const times = rounded(p99(busy) / p99(quiet))
  const verdict = (reached: boolean) => (reached ? 'reached' : 'MISSED')
  report('uploads', {
    rows: [
      ['messages', 'p50 ms', 'p99 ms'],
      ['alone', String(p50(quiet)), String(p99(quiet))],
      [`with ${crowd.count} uploads of ${crowd.mebibytesPerSecond} MiB/s each`, String(p50(busy)), String(p99(busy))],
    ],
    summary: [
      `p99 of messages ${times}x with uploads (goal ${goals.p99Times}x: ${verdict(times <= goals.p99Times)})`,
      `${bigMebibytes} MiB: the worker grew by ${figures.growthMebibytes} MiB (goal ${goals.growthMebibytes}: ${verdict(growthMebibytes < goals.growthMebibytes)}), ${figures.bigMebibytesPerSecond} MiB/s`,
      `a signed PUT ${figures.presignMicroseconds} us (goal ${goals.presignMicroseconds}: ${verdict(presignMicroseconds < goals.presignMicroseconds)})`,
    ].join('; '),
    figures: {
      ...figures,
      times,
      crowd,
      rounds,
      p99Ms: { quiet: quiet.map((one) => quantile(one, 0.99)), busy: busy.map((one) => quantile(one, 0.99)) },
    },
  })
}
