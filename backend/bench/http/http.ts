import { createSecretKey, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { Closing } from '../../../dev/start/closing.js'
import { AccessTokens } from '../../src/platform/access-tokens.js'
import { type Child, startChild } from '../child.js'
import { compileBench } from '../compile.js'
import { report } from '../results.js'
import { median, rounded } from '../statistics.js'
import { caller, issuer } from './contract.js'

const serverCore = 0
const loadCore = 1
const connections = 32
const warmUpSeconds = 3
const roundSeconds = 3
const rounds = 5
const goal = 2.5

const Listening = z.object({ port: z.int() })
const CpuUsage = z.object({ user: z.number(), system: z.number() })
type Server = Child<z.infer<typeof Listening>>

const contenders = {
  ours: { script: 'http/ours.js', about: 'Heliograph, all of it', environment: { LIMIT_MESSAGES: '9000000/s' } },
  stock: { script: 'peers/express.js', about: 'Express 5 with the same middleware', environment: { MIDDLEWARE: 'all' } },
  bare: { script: 'peers/express.js', about: 'Express 5 with no middleware at all', environment: { MIDDLEWARE: 'none' } },
} as const
type Name = keyof typeof contenders
const names = Object.keys(contenders) as Name[]

/** `npm run bench -- http`: POST with a JWT and a validated body and no database, in requests per second of the server's CPU time. */
export const benchHttp = async (): Promise<void> => {
  const closing = new Closing()
  try {
    const compiled = await compileBench()
    const secret = randomBytes(48).toString('base64url')
    const tokens = new AccessTokens({ key: createSecretKey(secret, 'utf8'), issuer, accessTtlSeconds: 3600 })
    const token = tokens.sign(caller)
    const generator = await startChild(z.string(), { script: compiled('http/load.js'), core: loadCore, closing })
    const start = (name: Name) => {
      const { script, environment } = contenders[name]
      const shared = { JWT_SECRET: secret, MONGO_URI: 'mongodb://127.0.0.1:1/never' }
      return startChild(Listening, { script: compiled(script), core: serverCore, environment: { ...shared, ...environment }, closing })
    }
    const servers: Record<Name, Server> = { ours: await start('ours'), stock: await start('stock'), bare: await start('bare') }

    const ask = (name: Name, seconds: number): Promise<number> =>
      generator.ask(z.int(), { port: servers[name].first.port, token, seconds, connections }, seconds + 15)
    for (const name of names) await ask(name, warmUpSeconds)

    const measured: Record<Name, Round[]> = { ours: [], stock: [], bare: [] }
    for (let round = 1; round <= rounds; round++) {
      for (const name of names) measured[name].push(await measure(servers[name], () => ask(name, roundSeconds)))
      console.log(
        `round ${round} of ${rounds}: ${names.map((name) => `${name} ${rounded(measured[name].at(-1)?.perCpuSecond ?? 0)}`).join(', ')}`,
      )
    }
    tell(measured)
  } finally {
    await closing.close()
  }
}

interface Round {
  /** Answers by second of CPU time, user and system, of the server's process. */
  readonly perCpuSecond: number
  readonly perSecond: number
}

const measure = async (server: Server, load: () => Promise<number>): Promise<Round> => {
  const cpuSeconds = async () => {
    const { user, system } = await server.ask(CpuUsage, 'cpu', 5)
    return (user + system) / 1e6
  }
  const before = await cpuSeconds()
  const answers = await load()
  return { perCpuSecond: answers / ((await cpuSeconds()) - before), perSecond: answers / roundSeconds }
}

const tell = (measured: Record<Name, readonly Round[]>): void => {
  const medianOf = (name: Name, figure: keyof Round) => median(measured[name].map((round) => round[figure]))
  const ratio = (peer: Name) => rounded(medianOf('ours', 'perCpuSecond') / medianOf(peer, 'perCpuSecond'))
  const rows = names.map((name) => [
    contenders[name].about,
    medianOf(name, 'perCpuSecond').toFixed(0),
    (1e6 / medianOf(name, 'perCpuSecond')).toFixed(0),
    medianOf(name, 'perSecond').toFixed(0),
    name === 'ours' ? '' : `${ratio(name)}x`,
  ])
  report('http', {
    rows: [['server', 'requests per CPU second', 'CPU us a request', 'requests/s', 'ours is'], ...rows],
    summary: `${ratio('stock')}x the requests per CPU second of stock Express with the same middleware (goal ${goal}x: ${ratio('stock') >= goal ? 'reached' : 'MISSED'})`,
    figures: { connections, roundSeconds, ratioToStock: ratio('stock'), ratioToBare: ratio('bare'), rounds: measured },
  })
}
