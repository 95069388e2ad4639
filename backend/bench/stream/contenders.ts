import { createSecretKey } from 'node:crypto'
import type { z } from 'zod'
import type { Closing } from '../../../dev/start/closing.js'
import { AccessTokens } from '../../src/platform/access-tokens.js'
import { type Child, startChild } from '../child.js'
import { withDatabase } from '../database.js'
import { type Bench, serverCore } from './bench.js'
import { Listening, Opened, Tally, type Target } from './contract.js'
import type { Session, World } from './world.js'

export const contenders = {
  ours: { script: 'stream/ours.js', about: 'Heliograph', greeting: 'event: resume' },
  naive: { script: 'peers/naive.js', about: 'parse, and write for each', greeting: ': connected' },
  bare: { script: 'peers/bare.js', about: 'one Buffer to all, no Redis', greeting: ': connected' },
} as const
export type Name = keyof typeof contenders

type Server = Child<z.infer<typeof Listening>>

/** A contender's servers, and its streams in the clients' process. */
export interface Contender {
  readonly name: Name
  readonly servers: readonly Server[]
  /** Of the load's questions. */
  readonly group: string
  readonly greeting: string
}

const openDeadlineSeconds = 180
const leaveDeadlineSeconds = 30
const accessTtlSeconds = 3600

/** Starts the servers of a contender; no stream is open yet. */
export const startContender = async (bench: Bench, world: World, name: Name, workers: number, closing: Closing): Promise<Contender> => {
  const { script, greeting } = contenders[name]
  const environment = {
    WORLD: world.name,
    JWT_SECRET: bench.secret,
    MONGO_URI: withDatabase(bench.mongoUrl, world.database),
    REDIS_URL: bench.redisUrl,
  }
  const options = { script: bench.compiled(script), core: serverCore, environment, closing }
  const servers = await Promise.all(Array.from({ length: workers }, () => startChild(Listening, options)))
  return { name, servers, group: `${name} ${world.name}`, greeting }
}

/** Opens a stream for each session of the world, dealt out to the workers in turn. */
export const openStreams = async (bench: Bench, world: World, contender: Contender): Promise<void> => {
  const { group, greeting } = contender
  const targets = targetsOf(bench, world, contender)
  await bench.load.ask(Opened, { kind: 'open', group, greeting, targets }, openDeadlineSeconds)
}

/** Ends the streams from the clients' side; they keep their positions. */
export const leaveStreams = async ({ load }: Bench, { group }: Contender): Promise<void> => {
  await load.ask(Tally, { kind: 'leave', group }, leaveDeadlineSeconds)
}

const targetsOf = ({ secret }: Bench, { sessions }: World, { name, servers }: Contender): Target[] => {
  const tokens = new AccessTokens({ key: createSecretKey(secret, 'utf8'), issuer: 'heliograph', accessTtlSeconds })
  return sessions.map((session, n) => ({
    port: servers[n % servers.length]?.first.port ?? 0,
    path: pathOf(name, session),
    token: tokens.sign(session),
  }))
}

/** Ours looks up who is in what; the naive way is told by the client. */
const pathOf = (name: Name, { conversations }: Session): string => (name === 'naive' ? `/sse?rooms=${conversations.join(',')}` : '/sse')
