import { type Bench, withClosing } from './bench.js'
import { type Contender, leaveStreams, type Name, openStreams, startContender } from './contenders.js'
import type { Plan } from './contract.js'
import type { Population } from './population.js'
import { conversationsOf, introduce, measureRound, type Round } from './round.js'
import { createWorld } from './world.js'

/** Messages are published and delivered, by each contender in turn. */
export interface Delivery {
  readonly name: string
  readonly about: string
  readonly contenders: readonly Name[]
  readonly workers: number
  readonly population: Population
  readonly rounds: number
  /** Of each worker: publishes so often a second, so many at once. */
  readonly turnsPerSecond: number
  readonly burst: number
  readonly seconds: number
  readonly warmUpSeconds: number
  /** How many times the events per CPU second ours is to have. */
  readonly goals: Partial<Record<Name, number>>
  /** Of ours, at the most. */
  readonly p99Ms?: number
}

export interface Measured {
  readonly contender: Name
  readonly rounds: readonly Round[]
}

export const measureDelivery = (bench: Bench, delivery: Delivery): Promise<Measured[]> =>
  withClosing(async (closing) => {
    const { name, population, workers, rounds } = delivery
    const world = await createWorld(bench, population, closing)
    const contenders: Contender[] = []
    for (const contender of delivery.contenders) contenders.push(await startContender(bench, world, contender, workers, closing))
    for (const contender of contenders) closing.add(() => leaveStreams(bench, contender))
    for (const contender of contenders) await openStreams(bench, world, contender)

    const receivers = population.membersEach * population.sessionsEach
    const measure = (contender: Contender, seconds: number) => measureRound(bench, contender, plansOf(delivery, seconds), receivers)
    const measured = new Map(contenders.map((contender): [Contender, Round[]] => [contender, []]))
    for (const contender of contenders) {
      await introduce(bench, contender, population)
      await measure(contender, delivery.warmUpSeconds)
    }
    for (let round = 1; round <= rounds; round++) {
      for (const contender of contenders) measured.get(contender)?.push(await measure(contender, delivery.seconds))
      const told = [...measured].map(([contender, all]) => `${contender.name} ${all.at(-1)?.perCpuSecond}`)
      console.log(`${name}, round ${round} of ${rounds}, events per CPU second: ${told.join(', ')}`)
    }
    return [...measured].map(([contender, all]) => ({ contender: contender.name, rounds: all }))
  })

const plansOf = ({ workers, population, turnsPerSecond, burst }: Delivery, seconds: number): Plan[] =>
  Array.from({ length: workers }, (_, worker) => ({
    conversations: conversationsOf(population.conversations, worker, workers),
    turns: Math.round(turnsPerSecond * seconds),
    turnsPerSecond,
    burst,
  }))
