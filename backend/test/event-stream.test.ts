import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createLogger } from '../src/platform/logger.js'
import { Hub } from '../src/realtime/hub.js'
import { MemoryLog } from '../src/realtime/log/memory-log.js'
import type { Position } from '../src/realtime/log/position.js'
import type { LiveFrame, Mark } from '../src/realtime/stream.js'
import { aSocketStream, closeSocketStreams } from './support/socket-stream.js'

const limits = { entriesPerChannel: 100, ttlSeconds: 3600 }
const logger = createLogger('silent')
const aHub = (): Hub => new Hub(new MemoryLog(limits), logger)
afterEach(() => {
  vi.useRealTimers()
  closeSocketStreams()
})

const block = (text: string | Buffer): Buffer => Buffer.concat([Buffer.from(text), Buffer.from('\n\n')])
/** What a hub of one shard gives to its streams. */
const frame = (id: string, text: string | Buffer): LiveFrame => {
  const bytes = block(text)
  return { shard: 0, id, position: [id], bytes, bytesAt: () => bytes }
}

describe('an event stream', () => {
  it('cuts off a client that does not read, at little more than 256 KiB of its own memory', async () => {
    const { stream, response, socket } = await aSocketStream()
    socket.pause()
    const closed = once(response, 'close')
    const bytes = Buffer.alloc(16 * 1024, 'x')
    let mostUnsent = 0
    let number = 0
    const write = () => {
      for (let n = 0; n < 20 && !stream.ended; n++) {
        stream.live(frame(`2-${number++}`, bytes))
        mostUnsent = Math.max(mostUnsent, response.writableLength)
      }
      if (!stream.ended) setImmediate(write) // the kernel takes what it can between the turns
    }
    write()
    await closed
    expect(mostUnsent).toBeGreaterThan(256 * 1024)
    expect(mostUnsent).toBeLessThan(256 * 1024 + 2 * (bytes.length + 2))
  })

  it('holds what is live during a replay, and then tells what the replay has not', async () => {
    const { stream, received } = await aSocketStream()
    const hold = stream.hold()
    stream.live(frame('3-0', 'three'))
    stream.live(frame('4-0', 'four'))
    await stream.replay(['2-0'], block('two'))
    await stream.replay(['3-0'], block('three'))
    expect(stream.release(['3-0'], { hold, told: new Map() })).toBe('live')
    stream.live(frame('5-0', 'five'))
    stream.live(frame('4-0', 'four'))
    await expect.poll(received).toMatch(/first\n\ntwo\n\nthree\n\nfour\n\nfive\n\n$/)
    expect(stream.position).toEqual(['5-0'])
  })

  it('begins to tell of what its user came into while it opened where that is to be told from, and not before', async () => {
    const { stream } = await aSocketStream()
    for (const [name, since] of Object.entries({ long: '3-0', late: '9-0' })) stream.channels.set(`conversation:${name}`, since)
    stream.begin(['5-0'], new Map(['long', 'late', 'left'].map((name) => [`conversation:${name}` as const, '7-0'])))
    expect([...stream.channels]).toEqual([
      ['conversation:long', '7-0'],
      ['conversation:late', '9-0'],
    ])
  })

  it('tells of several that arrived together those that a replay has not told', async () => {
    const { stream, received } = await aSocketStream()
    const parts = [frame('2-0', 'two'), frame('3-0', 'three'), frame('4-0', 'four')] as const
    const hold = stream.hold()
    stream.live({ ...parts[2], bytes: Buffer.concat(parts.map(({ bytes }) => bytes)), parts: [...parts] })
    await stream.replay(['2-0'], block('two'))
    stream.release(['2-0'], { hold, told: new Map() })
    await expect.poll(received).toMatch(/first\n\ntwo\n\nthree\n\nfour\n\n$/)
    expect(stream.position).toEqual(['4-0'])
  })

  it('asks for another replay where more was held than fits', async () => {
    const { stream } = await aSocketStream()
    const hold = stream.hold()
    for (let n = 0; n < 20; n++) stream.live(frame(`3-${n}`, Buffer.alloc(16 * 1024, 'x')))
    expect(stream.release(['2-0'], { hold, told: new Map() })).toBe('overflowed')
    expect(stream.position).toEqual(['2-0'])
    expect(stream.release(['3-19'], { hold, told: new Map() })).toBe('live')
  })

  it('is let go by the last who held it: what was published between two holds is not passed by', async () => {
    const { stream, received } = await aSocketStream()
    const [first, second] = [stream.hold(), stream.hold()]
    expect(stream.release(['1-5'], { hold: first, told: new Map() })).toBe('held')
    stream.live(frame('2-0', 'two'))
    stream.beat(frame('2-0', 'a position'))
    expect(stream.release(['1-7'], { hold: second, told: new Map() })).toBe('live')
    await expect.poll(received).toMatch(/first\n\n:\n\ntwo\n\n$/)
  })

  it('waits for its client again and again in a long replay, and leaves no listener behind', async () => {
    const { stream, response } = await aSocketStream()
    const listeners = () => response.listenerCount('drain') + response.listenerCount('close')
    const before = listeners()
    stream.hold()
    for (let n = 0; n < 100; n++) await stream.replay([`2-${n}`], block(Buffer.alloc(64 * 1024, 'x')))
    expect(listeners()).toBe(before)
  })

  it('never takes its client back: where a replay came further than the hub has heard, it says so itself', async () => {
    const { stream, received } = await aSocketStream()
    const mark = (position: Position): Mark => {
      const bytesAt = (at: Position) => Buffer.from(`id: e.${at.join('_')}\n\n`)
      return { position, bytes: bytesAt(position), bytesAt }
    }
    const live = (shard: number, position: Position) => stream.live({ shard, id: position[shard] ?? '', ...mark(position) })
    stream.begin(['1-0', '1-0'], new Map())
    const hold = stream.hold()
    await stream.replay(['1-0', '5-0'], Buffer.from('id: e.1-0_5-0\n\n'))
    live(0, ['2-0', '3-0'])
    stream.release(['1-0', '7-0'], { hold, told: new Map() })
    stream.beat(mark(['2-0', '6-0']))
    live(1, ['2-0', '7-0'])
    live(0, ['3-0', '7-0'])
    stream.beat(mark(['4-0', '8-0']))
    const ids = () => received().match(/(?<=id: e\.)\S+/g)
    await expect.poll(ids).toEqual(['1-0_5-0', '2-0_7-0', '2-0_7-0', '3-0_7-0', '4-0_8-0'])
  })

  it('does not keep what only passes by while it replays', async () => {
    const { stream, received } = await aSocketStream()
    const hold = stream.hold()
    stream.passing(Buffer.from('typing\n\n'))
    stream.release(['1-0'], { hold, told: new Map() })
    stream.passing(Buffer.from('typing again\n\n'))
    await expect.poll(received).toMatch(/first\n\ntyping again\n\n$/)
  })

  it('carries its position every 20 s, without an event', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const log = new MemoryLog(limits)
    const hub = new Hub(log, logger)
    const { stream, received } = await aSocketStream()
    await hub.ready()
    stream.begin((await log.head()).position, new Map())
    hub.attach(stream)
    await hub.catchUp(stream)
    vi.advanceTimersByTime(40_000)
    const marks = () =>
      received()
        .split('\n\n')
        .filter((block) => /^id: [\w-]+\.\d+-\d+$/.test(block))
    await expect.poll(() => marks().length).toBe(2)
    hub.drain()
  })

  it('is told when to come back, and ends, when its worker stops', async () => {
    const hub = aHub()
    const { stream, response, received } = await aSocketStream()
    hub.attach(stream)
    const closed = once(response, 'close')
    hub.drain()
    await closed
    const told = /event: server\.draining\ndata: \{"type":"server\.draining","reconnectInMs":(\d+)\}\n\n$/
    await expect.poll(received).toMatch(told)
    const reconnectInMs = told.exec(received())?.[1]
    expect(Number(reconnectInMs)).toBeGreaterThanOrEqual(0)
    expect(Number(reconnectInMs)).toBeLessThan(3000)
  })
})

describe('the hub', () => {
  it('subscribes to a channel while one of its streams needs it', async () => {
    const log = new MemoryLog(limits)
    const subscribed: string[] = []
    const spied = Object.assign(Object.create(log) as MemoryLog, {
      subscribe: async (channels: readonly string[]) => void subscribed.push(...channels.map((channel) => `+${channel}`)),
      unsubscribe: (channel: string) => void subscribed.push(`-${channel}`),
      listen: () => undefined,
    })
    const hub = new Hub(spied, logger)
    const [one, two] = [(await aSocketStream()).stream, (await aSocketStream()).stream]
    hub.attach(one)
    hub.attach(two)
    await hub.join(one, new Map([['conversation:c1' as const, undefined]]))
    await hub.join(
      two,
      new Map([
        ['conversation:c1' as const, undefined],
        ['conversation:c2' as const, undefined],
      ]),
    )
    hub.detach(one)
    expect(subscribed).toEqual(['+conversation:c1', '+conversation:c2'])
    hub.detach(two)
    expect(subscribed.slice(2).toSorted()).toEqual(['-conversation:c1', '-conversation:c2'])
    hub.drain()
  })

  it('tells what arrives together of one channel in one write, and before whatever else arrives', async () => {
    const hub = aHub()
    const [one, two] = ['conversation:c1', 'conversation:c2'] as const
    const { stream } = await aSocketStream()
    await hub.ready()
    hub.attach(stream)
    await hub.join(
      stream,
      new Map([
        [one, undefined],
        [two, undefined],
      ]),
    )
    await hub.catchUp(stream)
    const told: string[] = []
    vi.spyOn(stream, 'live').mockImplementation(({ bytes }) => void told.push(bytes.toString().replaceAll(/id: .*\n|\n/g, '')))
    vi.spyOn(stream, 'passing').mockImplementation((bytes) => void told.push(bytes.toString()))
    const ms = Date.now() + 1000
    hub.frame(one, `${ms}-1`, block('a'))
    hub.frame(one, `${ms}-2`, block('b'))
    hub.frame(two, `${ms}-3`, block('c'))
    hub.frame(two, undefined, Buffer.from('typing'))
    hub.frame(one, `${ms}-4`, block('d'))
    await Promise.resolve()
    expect(told).toEqual(['ab', 'c', 'typing', 'd'])
    hub.drain()
  })

  it('ends the streams that wait for a Redis that does not come back, and tells them meanwhile that they live', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const log = new MemoryLog(limits)
    const hub = new Hub(log, logger, { awayDeadlineMs: 200 })
    const { stream, response, received } = await aSocketStream()
    await hub.ready()
    stream.begin((await log.head()).position, new Map())
    hub.attach(stream)
    await hub.catchUp(stream)
    hub.gap()
    const closed = once(response, 'close')
    vi.advanceTimersByTime(20_000)
    await closed
    await expect.poll(received).toMatch(/first\n\n:\n\n$/)
  })

  it('tells a stream that was without Redis what came once it was subscribed again, while it was still being found out where the log stands', async () => {
    const channel = 'conversation:c1'
    const event = (eventId: string) => ({ channel, eventId, frame: block(`data: ${eventId}`) }) as const
    let meanwhile: string | undefined
    class BusyLog extends MemoryLog {
      override async states(channels: Parameters<MemoryLog['states']>[0]) {
        if (meanwhile !== undefined && channels.includes(channel)) {
          await this.append(event(meanwhile)) // beyond the head that was asked for before
          meanwhile = undefined
        }
        return super.states(channels)
      }
    }
    const log = new BusyLog(limits)
    const hub = new Hub(log, logger)
    const { stream, received } = await aSocketStream()
    await hub.ready()
    stream.begin((await log.head()).position, new Map())
    hub.attach(stream)
    await hub.join(stream, new Map([[channel, undefined]]))
    await hub.catchUp(stream)
    hub.gap()
    meanwhile = 'meanwhile'
    hub.restored()
    await expect.poll(received).toContain('data: meanwhile')
    await log.append(event('after'))
    await expect.poll(received).toMatch(/data: meanwhile\n\n[^]*data: after\n\n$/)
    hub.drain()
  })
})
