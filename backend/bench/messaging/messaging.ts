import { createSecretKey, randomBytes } from 'node:crypto'
import { loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { Closing } from '../../../dev/start/closing.js'
import { limitNames } from '../../src/http/limits-table.js'
import { AccessTokens } from '../../src/platform/access-tokens.js'
import { type Child, startChild } from '../child.js'
import { compileBench } from '../compile.js'
import { withDatabase } from '../database.js'
import { report } from '../results.js'
import { obtainServices } from '../services.js'
import { quantile, rounded } from '../statistics.js'
import { CpuSeconds, Listening, Loaded } from './contract.js'
import { type Scenario, scenariosOf } from './scenarios.js'
import { createWorld, longOnes } from './world.js'

const serverCore = 0
const loadCore = 1
const warmUp = 50
/** What follows an answer is the worker's CPU time too: telling, lastSeq, watermarks. */
const settleMs = 1000
const deadlineSeconds = 120

/** `npm run bench -- messaging`: what clients ask most, one worker with all that it does, over HTTP. */
export const benchMessaging = async (): Promise<void> => {
  const closing = new Closing()
  try {
    const loadAtStart = rounded(loadavg()[0] ?? 0)
    const compiled = await compileBench()
    const { mongoDb, redis } = await obtainServices(closing)
    const secret = randomBytes(48).toString('base64url')
    const world = await createWorld(mongoDb.url, secret, closing)
    const tokens = new AccessTokens({ key: createSecretKey(secret, 'utf8'), issuer: 'heliograph', accessTtlSeconds: 3600 })
    const token = new Map<string, string>()
    const tokenOf = (userId: string): string => {
      const known = token.get(userId) ?? tokens.sign({ userId, sessionId: userId })
      token.set(userId, known)
      return known
    }
    const environment = {
      JWT_SECRET: secret,
      LOG_LEVEL: 'error',
      MONGO_URI: withDatabase(mongoDb.url, world.database),
      REDIS_URL: redis.url,
      ...Object.fromEntries(limitNames.map((name) => [`LIMIT_${name.toUpperCase()}`, '9000000/s'])),
    }
    const server = await startChild(Listening, { script: compiled('messaging/server.js'), core: serverCore, environment, closing })
    const load = await startChild(z.string(), { script: compiled('messaging/load.js'), core: loadCore, closing })

    const measured: Measured[] = []
    for (const scenario of scenariosOf(world, tokenOf)) {
      const done = await measure({ server, load }, scenario)
      measured.push(done)
      console.log(`${done.about}: p50 ${done.p50Ms} ms, p99 ${done.p99Ms} ms, ${done.cpuMs} ms of CPU time each`)
    }
    const broken = await world.countBroken()
    if (broken > 0) throw new Error(`seq is not contiguous in ${broken} conversations`)
    tell(measured, { database: `${mongoDb.description}, version ${world.version}`, loadAtStart, messagesInOne: longOnes })
  } finally {
    await closing.close()
  }
}

interface Processes {
  readonly server: Child<z.infer<typeof Listening>>
  readonly load: Child<string>
}

interface Measured {
  readonly about: string
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Of the worker, by operation. */
  readonly cpuMs: number
  readonly refused: number
  readonly goalMs: number | null
}

const measure = async ({ server, load }: Processes, scenario: Scenario): Promise<Measured> => {
  const { about, operations, connections, perSecond, goalMs = null } = scenario
  const ask = (of: Scenario['operations']) =>
    load.ask(
      Loaded,
      { port: server.first.port, operations: of.map((calls) => [...calls]), connections, ...(perSecond !== undefined && { perSecond }) },
      deadlineSeconds,
    )
  const isRead = operations[0]?.[0]?.method === 'GET'
  if (isRead) await ask(operations.slice(0, warmUp))
  const cpuSeconds = () => server.ask(CpuSeconds, 'cpu', 5)
  const before = await cpuSeconds()
  const { latenciesMs, refused, seconds } = await ask(operations)
  await sleep(settleMs)
  const cpu = (await cpuSeconds()) - before
  return {
    about,
    perSecond: rounded(latenciesMs.length / seconds),
    p50Ms: rounded(quantile(latenciesMs, 0.5)),
    p99Ms: rounded(quantile(latenciesMs, 0.99)),
    maxMs: rounded(quantile(latenciesMs, 1)),
    cpuMs: rounded((cpu * 1000) / Math.max(1, operations.length)),
    refused,
    goalMs,
  }
}

interface Setting {
  readonly database: string
  readonly loadAtStart: number
  readonly messagesInOne: number
}

const tell = (measured: readonly Measured[], setting: Setting): void => {
  const verdict = ({ goalMs, p99Ms }: Measured) => (goalMs === null ? '' : p99Ms < goalMs ? 'reached' : 'MISSED')
  const rows = measured.map((each) => [
    each.about,
    String(each.perSecond),
    String(each.p50Ms),
    String(each.p99Ms),
    String(each.cpuMs),
    String(each.refused),
    verdict(each),
  ])
  const missed = measured.filter((each) => verdict(each) === 'MISSED').map(({ about }) => about)
  report('messaging', {
    rows: [['what', 'done/s', 'p50 ms', 'p99 ms', 'CPU ms each', 'refused', 'goal'], ...rows],
    summary: missed.length === 0 ? 'All goals are reached (p99 under 50 ms)' : `MISSED (p99 under 50 ms): ${missed.join('; ')}`,
    figures: { ...setting, scenarios: measured },
  })
}
