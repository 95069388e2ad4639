import { rounded } from '../statistics.js'
import { type Bench, withClosing } from './bench.js'
import { leaveStreams, openStreams, startContender } from './contenders.js'
import { Published, Tally } from './contract.js'
import type { Population } from './population.js'
import { conversationsOf, cpuSecondsOf, introduce } from './round.js'
import { createWorld } from './world.js'

/** All clients of a worker lose it at once, miss something, and come back at once. */
export interface Reconnect {
  readonly population: Population
  readonly messagesPerConversation: number
  readonly rounds: number
}

export interface Returned {
  /** From the first connection attempt until the last client had all that it missed. */
  readonly seconds: number
  readonly cpuSeconds: number
  readonly redisCpuSeconds: number
  readonly lost: number
  readonly duplicated: number
  readonly disordered: number
  /** Attempts that were reset, or answered with 503: these clients came again. */
  readonly refused: number
}

const turnsPerSecond = 3000
const deadlineSeconds = 60
const askSeconds = 10

/** Every client must be told `exact`; another verdict fails. */
export const measureReconnect = (bench: Bench, { population, messagesPerConversation, rounds }: Reconnect): Promise<Returned[]> =>
  withClosing(async (closing) => {
    const world = await createWorld(bench, population, closing)
    const contender = await startContender(bench, world, 'ours', 1, closing)
    const { servers, group } = contender
    closing.add(() => leaveStreams(bench, contender))
    await openStreams(bench, world, contender)

    await introduce(bench, contender, population)

    const turns = population.conversations * messagesPerConversation
    const plan = { conversations: conversationsOf(population.conversations, 0, 1), turns, turnsPerSecond, burst: 1 }
    const expected = turns * population.membersEach
    const all: Returned[] = []
    for (let round = 1; round <= rounds; round++) {
      await leaveStreams(bench, contender)
      for (const server of servers) await server.ask(Published, { kind: 'publish', plan }, turns / turnsPerSecond + askSeconds)
      const before = { workers: await cpuSecondsOf(contender), redis: await bench.redisCpuSeconds() }
      const question = { kind: 'return', group, greeting: '"verdict":"exact"', expected, deadlineSeconds }
      const { received, seconds, duplicated, disordered, refused } = await bench.load.ask(Tally, question, 2 * deadlineSeconds + askSeconds)
      const returned = {
        seconds: rounded(seconds),
        cpuSeconds: rounded((await cpuSecondsOf(contender)) - before.workers),
        redisCpuSeconds: rounded((await bench.redisCpuSeconds()) - before.redis),
        lost: expected - received,
        duplicated,
        disordered,
        refused,
      }
      console.log(`reconnect, round ${round} of ${rounds}: ${returned.seconds} s, ${returned.cpuSeconds} s of CPU time`)
      all.push(returned)
    }
    return all
  })
