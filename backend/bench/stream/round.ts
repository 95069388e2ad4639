import { rounded } from '../statistics.js'
import type { Bench } from './bench.js'
import type { Contender } from './contenders.js'
import { CpuSeconds, type Plan, Published, type Tally, Tally as TallySchema } from './contract.js'
import type { Population } from './population.js'

/** What was measured of a contender in one round. */
export interface Round extends Pick<Tally, 'p50Ms' | 'p99Ms' | 'maxMs' | 'duplicated' | 'disordered' | 'ended'> {
  /** Events that came to a client, by CPU second of all workers, user and system. */
  readonly perCpuSecond: number
  readonly perSecond: number
  readonly lost: number
  /** CPU time of Redis by message. */
  readonly redisMicroseconds: number
}

const catchUpSeconds = 20
const askSeconds = 10
const introducedPerSecond = 250

/** CPU seconds of all workers so far. */
export const cpuSecondsOf = async ({ servers }: Contender): Promise<number> => {
  let sum = 0
  for (const server of servers) sum += await server.ask(CpuSeconds, { kind: 'cpu' }, askSeconds)
  return sum
}

/** Each worker publishes by its plan; the round is over when all has come, or nothing more comes. @param receivers of a message */
export const measureRound = async (bench: Bench, contender: Contender, plans: readonly Plan[], receivers: number): Promise<Round> => {
  const { load, redisCpuSeconds } = bench
  const { group, servers } = contender
  await load.ask(TallySchema, { kind: 'begin', group }, askSeconds)
  const before = { workers: await cpuSecondsOf(contender), redis: await redisCpuSeconds() }
  const published = await Promise.all(
    servers.map((server, n) => server.ask(Published, { kind: 'publish', plan: plans[n] ?? nothing }, secondsOf(plans[n]) + catchUpSeconds)),
  )
  const messages = published.reduce((sum, each) => sum + each.messages, 0)
  const expected = messages * receivers
  const question = { kind: 'finish', group, expected, deadlineSeconds: catchUpSeconds }
  const tally = await load.ask(TallySchema, question, catchUpSeconds + askSeconds)
  const workers = (await cpuSecondsOf(contender)) - before.workers
  const redis = (await redisCpuSeconds()) - before.redis
  const { received, seconds, p50Ms, p99Ms, maxMs, duplicated, disordered, ended } = tally
  return {
    perCpuSecond: rounded(received / workers),
    perSecond: rounded(received / seconds),
    p50Ms,
    p99Ms,
    maxMs,
    lost: expected - received,
    duplicated,
    disordered,
    ended,
    redisMicroseconds: rounded((redis * 1e6) / messages),
  }
}

/** A first message into each conversation, slowly: the log learns where it stands, which is asked of the database once. @throws where one is lost */
export const introduce = async (
  bench: Bench,
  contender: Contender,
  { conversations, membersEach, sessionsEach }: Population,
): Promise<void> => {
  const workers = contender.servers.length
  const plans = Array.from({ length: workers }, (_, worker): Plan => {
    const own = conversationsOf(conversations, worker, workers)
    return { conversations: own, turns: own.length, turnsPerSecond: introducedPerSecond, burst: 1 }
  })
  const { lost } = await measureRound(bench, contender, plans, membersEach * sessionsEach)
  if (lost > 0) throw new Error(`${contender.name}: ${lost} of the first events were lost`)
}

/** Each worker publishes into conversations of its own. */
export const conversationsOf = (conversations: number, worker: number, workers: number): number[] =>
  Array.from({ length: conversations }, (_, n) => n).filter((n) => n % workers === worker)

const nothing: Plan = { conversations: [], turns: 0, turnsPerSecond: 1, burst: 0 }
const secondsOf = ({ turns, turnsPerSecond } = nothing): number => turns / turnsPerSecond
