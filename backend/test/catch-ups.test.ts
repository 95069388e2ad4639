import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { createLogger } from '../src/platform/logger.js'
import { CatchUps } from '../src/realtime/catch-ups.js'
import type { Channel, EventLog, Page } from '../src/realtime/log/log.js'
import { MemoryLog } from '../src/realtime/log/memory-log.js'
import { origin } from '../src/realtime/log/position.js'
import { readersOf, replay } from '../src/realtime/replay.js'
import { aSocketStream, closeSocketStreams } from './support/socket-stream.js'

afterEach(closeSocketStreams)

const MiB = 1024 * 1024
const aLog = (): WatchedLog => new WatchedLog({ entriesPerChannel: 1000, ttlSeconds: 3600 })
const channelsOf = (count: number) => Array.from({ length: count }, (_, n): `user:${string}` => `user:${n}`)

/** Tells each channel in turn. @param sizeOf in bytes, of each channel's nth @returns all frames in order */
const fill = async (
  log: EventLog,
  channels: readonly `user:${string}`[],
  each: number,
  sizeOf: (n: number) => number,
): Promise<Buffer[]> => {
  const frames: Buffer[] = []
  for (let n = 0; n < each; n++) {
    for (const channel of channels) {
      const frame = Buffer.from(`${channel} ${n}\n`.padEnd(sizeOf(n), 'x'))
      frames.push(frame)
      await log.append({ channel, eventId: randomUUID(), frame })
    }
  }
  return frames
}

/** Counts reads, and what was read of each channel last: no more is held. */
class WatchedLog extends MemoryLog {
  reads = 0
  mostBytes = 0
  readonly #lastBytes = new Map<Channel, number>()

  override async read(...asked: Parameters<EventLog['read']>): Promise<Page> {
    const page = await super.read(...asked)
    this.reads += 1
    const [channel] = asked
    this.#lastBytes.set(channel, Buffer.concat(page.entries.map(({ frame }) => frame)).length)
    const bytes = [...this.#lastBytes.values()].reduce((sum, each) => sum + each, 0)
    this.mostBytes = Math.max(this.mostBytes, bytes)
    return page
  }
}

const replayAll = async (log: EventLog, channels: readonly Channel[]): Promise<string[]> => {
  const told: string[] = []
  const from = new Map(channels.map((channel) => [channel, origin]))
  for await (const { frame } of replay(await readersOf(log, from, (await log.head()).position))) told.push(String(frame))
  return told
}

describe('a replay', () => {
  it('holds little of many channels with large entries at a time, and tells all in order', async () => {
    const [log, channels] = [aLog(), channelsOf(8)]
    const frames = await fill(log, channels, 100, () => 60 * 1024)
    expect(await replayAll(log, channels)).toEqual(frames.map(String))
    expect(log.mostBytes).toBeLessThan(4 * MiB)
  })

  it('tells all in order where small entries are followed by large ones', async () => {
    const [log, channels] = [aLog(), channelsOf(3)]
    const frames = await fill(log, channels, 150, (n) => (n % 100 < 60 ? 20 : 60 * 1024))
    expect(await replayAll(log, channels)).toEqual(frames.map(String))
  })

  it('reads few times where entries are small', async () => {
    const [log, channels] = [aLog(), channelsOf(60)]
    const frames = await fill(log, channels, 30, () => 20)
    expect(await replayAll(log, channels)).toHaveLength(frames.length)
    expect(log.reads).toBeLessThan(channels.length * 8)
  })
})

describe('a client that does not take what it missed', () => {
  it('does not keep others waiting, and is told the rest once it takes it', async () => {
    const log = aLog()
    const flood = await fill(log, ['user:slow'], 400, () => 60 * 1024)
    await fill(log, ['user:quick'], 1, () => 20)
    const catchUps = new CatchUps({
      log,
      logger: createLogger('silent'),
      subscribed: () => Promise.resolve(),
      heard: () => Promise.resolve(),
      onEpoch: () => undefined,
      withId: (_position, frame) => Buffer.concat([frame, Buffer.from('\n\n')]),
      mostAtOnce: 1,
    })
    const [slow, quick] = [await aSocketStream(), await aSocketStream()]
    const head = await log.head()
    for (const [{ stream }, channel] of [
      [slow, 'user:slow'],
      [quick, 'user:quick'],
    ] as const) {
      stream.channels.set(channel, origin)
      stream.begin(head.position, new Map())
    }
    slow.socket.pause()
    const slowly = catchUps.run(slow.stream)
    await expect.poll(() => slow.stream.events).toBeGreaterThan(0)
    await catchUps.run(quick.stream)
    expect(quick.stream.events).toBe(1)
    expect(slow.stream.ended).toBe(false)
    expect(slow.stream.events).toBeLessThan(flood.length)
    slow.socket.resume()
    await slowly
    await expect.poll(() => slow.received().match(/user:slow \d+/g), { timeout: 30_000 }).toEqual(flood.map((_, n) => `user:slow ${n}`))
  })
})
