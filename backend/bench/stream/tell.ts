import { median, rounded } from '../statistics.js'
import { contenders, type Name } from './contenders.js'
import type { Delivery, Measured } from './delivery.js'
import type { Idle, IdleMemory } from './idle.js'
import type { Reconnect, Returned } from './reconnect.js'
import type { Round } from './round.js'

/** What is said of a scenario. */
interface Told {
  readonly rows: readonly (readonly string[])[]
  readonly lines: readonly string[]
  readonly figures: unknown
  /** Ours broke its promise. */
  readonly broken: boolean
}

export const deliveryHeading = [
  'scenario',
  'contender',
  'events per CPU second',
  'CPU us an event',
  'Redis us a message',
  'p50 ms',
  'p99 ms',
  'max ms',
  'lost',
  'twice',
  'ours is',
]

const figureOf = (rounds: readonly Round[], figure: keyof Round): number => median(rounds.map((round) => round[figure]))
const sumOf = <T>(rounds: readonly T[], figure: (round: T) => number): number => rounds.reduce((sum, round) => sum + figure(round), 0)
const reached = (yes: boolean): string => (yes ? 'reached' : 'MISSED')

export const tellDelivery = (delivery: Delivery, measured: readonly Measured[]): Told => {
  const roundsOf = (name: Name) => measured.find(({ contender }) => contender === name)?.rounds ?? []
  const ours = roundsOf('ours')
  const ratioTo = (name: Name) => rounded(figureOf(ours, 'perCpuSecond') / figureOf(roundsOf(name), 'perCpuSecond'))
  const rows = measured.map(({ contender, rounds }) => [
    delivery.name,
    contenders[contender].about,
    figureOf(rounds, 'perCpuSecond').toFixed(0),
    (1e6 / figureOf(rounds, 'perCpuSecond')).toFixed(1),
    String(figureOf(rounds, 'redisMicroseconds')),
    ...(['p50Ms', 'p99Ms', 'maxMs'] as const).map((figure) => String(figureOf(rounds, figure))),
    String(sumOf(rounds, ({ lost }) => lost)),
    String(sumOf(rounds, ({ duplicated }) => duplicated)),
    contender === 'ours' ? '' : `${ratioTo(contender)}x`,
  ])
  const goals = measured.flatMap(({ contender }) => {
    const goal = delivery.goals[contender]
    return goal === undefined ? [] : [{ contender, goal, ratio: ratioTo(contender) }]
  })
  const lines = goals.map(
    ({ contender, goal, ratio }) => `${delivery.name}: ${ratio}x of ${contender} (goal ${goal}x: ${reached(ratio >= goal)})`,
  )
  const p99Ms = figureOf(ours, 'p99Ms')
  if (delivery.p99Ms !== undefined)
    lines.push(`${delivery.name}: p99 ${p99Ms} ms (goal ${delivery.p99Ms} ms: ${reached(p99Ms <= delivery.p99Ms)})`)
  return { rows, lines, figures: { ...delivery, ratios: goals, measured }, broken: ours.some(isBroken) }
}

const isBroken = ({ lost, duplicated, disordered, ended }: Pick<Round, 'lost' | 'duplicated' | 'disordered' | 'ended'>): boolean =>
  lost + duplicated + disordered + ended > 0

export const tellIdle = (idle: Idle, memory: IdleMemory): Told => {
  const { residentBytes, heapBytes, streams, openedPerSecond } = memory
  const goal = idle.goalBytes === undefined ? '' : ` (goal ${idle.goalBytes}: ${reached(heapBytes <= idle.goalBytes)})`
  const line = `idle, ${idle.about}: ${heapBytes} bytes of V8's a stream at ${streams} streams${goal}; the process grew by ${residentBytes} a stream; opened ${openedPerSecond}/s`
  return { rows: [], lines: [line], figures: { name: 'idle', ...idle, ...memory }, broken: false }
}

export const tellReconnect = (reconnect: Reconnect, rounds: readonly Returned[]): Told => {
  const of = (figure: keyof Returned) => median(rounds.map((round) => round[figure]))
  const { users, sessionsEach } = reconnect.population
  const lost = sumOf(rounds, (round) => round.lost)
  const duplicated = sumOf(rounds, (round) => round.duplicated)
  const line = `reconnect: ${users * sessionsEach} streams had all they missed after ${of('seconds')} s and ${of('cpuSeconds')} s of CPU time (Redis ${of('redisCpuSeconds')} s); lost ${lost}, twice ${duplicated}, refused at first ${of('refused')}`
  return {
    rows: [],
    lines: [line],
    figures: { name: 'reconnect', ...reconnect, rounds },
    broken: rounds.some((round) => isBroken({ ...round, ended: 0 })),
  }
}
