import { randomBytes, randomInt } from 'node:crypto'
import { z } from 'zod'
import { Closing } from '../../../dev/start/closing.js'
import { createApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { createContext } from '../../src/context.js'
import { HttpServer } from '../../src/http/server.js'
import { createLogger } from '../../src/platform/logger.js'
import { report } from '../results.js'
import { obtainServices } from '../services.js'
import { median, rounded } from '../statistics.js'

const accounts = 20
const warmUp = 20
const attempts = 400
const goalPercent = 5
const readyDeadlineMs = 60_000

const password = 'Not 1 of their passwords'
const aPhone = (): string => `+4915112${randomInt(1e5, 1e6)}`

type Kind = 'known' | 'unknown'
const kinds = ['known', 'unknown'] as const

/** `npm run bench -- login`: whether the time of an answer tells if an account exists. Wrong passwords for accounts and for phones of nobody take turns. */
export const benchLogin = async (): Promise<void> => {
  const closing = new Closing()
  try {
    const origin = await startServer(closing)
    const known = await Promise.all(Array.from({ length: accounts }, () => register(origin)))
    const took: Record<Kind, number[]> = { known: [], unknown: [] }
    for (let n = -warmUp; n < attempts; n++) {
      for (const kind of n % 2 === 0 ? kinds : kinds.toReversed()) {
        const phone = kind === 'known' ? (known[randomInt(accounts)] ?? '') : aPhone()
        const milliseconds = await tryToSignIn(origin, phone)
        if (n >= 0) took[kind].push(milliseconds)
      }
    }
    const [knownMs, unknownMs] = [median(took.known), median(took.unknown)]
    const percent = rounded((Math.abs(knownMs - unknownMs) / Math.min(knownMs, unknownMs)) * 100)
    report('login', {
      rows: [
        ['a wrong password for', 'median ms'],
        ['an account', knownMs.toFixed(2)],
        ['a phone of nobody', unknownMs.toFixed(2)],
      ],
      summary: `The medians differ by ${percent} % (goal: under ${goalPercent} %: ${percent < goalPercent ? 'reached' : 'MISSED'})`,
      figures: { attempts, percent, milliseconds: took },
    })
  } finally {
    await closing.close()
  }
}

/** The server as it is, in this process; limits and lockout that nobody reaches. @returns where it listens */
const startServer = async (closing: Closing): Promise<string> => {
  const { mongoDb, redis } = await obtainServices(closing)
  const mongoUrl = new URL(mongoDb.url)
  mongoUrl.pathname = `/login-${randomBytes(4).toString('hex')}`
  const config = readConfig({
    NODE_ENV: 'development',
    LOG_LEVEL: 'error',
    MONGO_URI: mongoUrl.href,
    REDIS_URL: redis.url,
    JWT_SECRET: randomBytes(48).toString('base64'),
    LIMIT_LOGIN: '1000000/s',
    LIMIT_REGISTER: '1000000/s',
    MAX_LOGIN_ATTEMPTS: '1000000',
  })
  const context = createContext(config, createLogger(config.server.logLevel))
  const server = new HttpServer(createApp(context))
  const port = await server.listen(0, '127.0.0.1')
  closing.add(async () => {
    await server.drain(0)
    await context.mongo.connection.dropDatabase()
    await context.close()
  })
  context.start()
  await context.mongo.whenReady(AbortSignal.timeout(readyDeadlineMs))
  return `http://127.0.0.1:${port}`
}

const post = (origin: string, path: string, body: object): Promise<Response> =>
  fetch(`${origin}/api/v1${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

const register = async (origin: string): Promise<string> => {
  const answer = await post(origin, '/auth/register', { phone: aPhone(), password: 'Signals from hill 2 hill', name: 'Somebody' })
  const Registered = z.object({ user: z.object({ phone: z.string() }) })
  return Registered.parse(await answer.json()).user.phone
}

/** @returns the milliseconds until the refusal was read */
const tryToSignIn = async (origin: string, phone: string): Promise<number> => {
  const before = performance.now()
  const answer = await post(origin, '/auth/login', { phone, password })
  await answer.text()
  if (answer.status !== 401) throw new Error(`A wrong password was answered with ${answer.status}`)
  return performance.now() - before
}
