import { rounded } from '../statistics.js'
import { type Bench, withClosing } from './bench.js'
import { leaveStreams, type Name, openStreams, startContender } from './contenders.js'
import { Memory } from './contract.js'
import type { Population } from './population.js'
import { createWorld } from './world.js'

/** Streams that are open and quiet: the memory of the worker that holds them all. */
export interface Idle {
  readonly about: string
  readonly contender: Name
  readonly population: Population
  /** By stream, of what V8 holds, at the most. */
  readonly goalBytes?: number
}

export interface IdleMemory {
  readonly streams: number
  /** By stream: what V8 holds more than before they were opened, and what the process does, with all that opening them left behind. */
  readonly heapBytes: number
  readonly residentBytes: number
  readonly openedPerSecond: number
}

const askSeconds = 30

export const measureIdle = (bench: Bench, { about, contender: name, population }: Idle): Promise<IdleMemory> =>
  withClosing(async (closing) => {
    const world = await createWorld(bench, population, closing)
    const contender = await startContender(bench, world, name, 1, closing)
    const [server] = contender.servers
    if (!server) throw new Error('There is no server')
    const before = await server.ask(Memory, { kind: 'memory' }, askSeconds)
    const began = performance.now()
    closing.add(() => leaveStreams(bench, contender))
    await openStreams(bench, world, contender)
    const seconds = (performance.now() - began) / 1000
    const after = await server.ask(Memory, { kind: 'memory' }, askSeconds)
    const streams = world.sessions.length
    const measured = {
      streams,
      residentBytes: rounded((after.resident - before.resident) / streams),
      heapBytes: rounded((after.heap - before.heap) / streams),
      openedPerSecond: rounded(streams / seconds),
    }
    console.log(`idle, ${about}: ${measured.heapBytes} bytes a stream`)
    return measured
  })
