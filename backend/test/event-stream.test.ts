import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createLogger } from '../src/platform/logger.js'
import { Hub } from '../src/realtime/hub.js'
import { MemoryLog } from '../src/realtime/log/memory-log.js'
import { aSocketStream, closeSocketStreams } from './support/socket-stream.js'

const limits = { entriesPerChannel: 100, ttlSeconds: 3600 }
const logger = createLogger('silent')
const aHub = (): Hub => new Hub(new MemoryLog(limits), logger)
afterEach(() => {
  vi.useRealTimers()
  closeSocketStreams()
})

const frame = (id: string, text: string | Buffer): { id: string; frame: Buffer } => ({
  id,
  frame: Buffer.concat([Buffer.from(text), Buffer.from('\n\n')]),
})

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
    stream.hold()
    stream.live(frame('3-0', 'three'))
    stream.live(frame('4-0', 'four'))
    await stream.replay(frame('2-0', 'two'))
    await stream.replay(frame('3-0', 'three'))
    expect(stream.release('3-0')).toBe(true)
    stream.live(frame('5-0', 'five'))
    stream.live(frame('4-0', 'four'))
    await expect.poll(received).toMatch(/first\n\ntwo\n\nthree\n\nfour\n\nfive\n\n$/)
    expect(stream.position).toBe('5-0')
  })

  it('asks for another replay where more was held than fits', async () => {
    const { stream } = await aSocketStream()
    stream.hold()
    for (let n = 0; n < 20; n++) stream.live(frame(`3-${n}`, Buffer.alloc(16 * 1024, 'x')))
    expect(stream.release('2-0')).toBe(false)
    expect(stream.position).toBe('2-0')
    stream.hold()
    expect(stream.release('3-19')).toBe(true)
  })

  it('waits for its client again and again in a long replay, and leaves no listener behind', async () => {
    const { stream, response } = await aSocketStream()
    const listeners = () => response.listenerCount('drain') + response.listenerCount('close')
    const before = listeners()
    stream.hold()
    for (let n = 0; n < 100; n++) await stream.replay(frame(`2-${n}`, Buffer.alloc(64 * 1024, 'x')))
    expect(listeners()).toBe(before)
  })

  it('does not keep what only passes by while it replays', async () => {
    const { stream, received } = await aSocketStream()
    stream.hold()
    stream.passing(Buffer.from('typing\n\n'))
    stream.release('1-0')
    stream.passing(Buffer.from('typing again\n\n'))
    await expect.poll(received).toMatch(/first\n\ntyping again\n\n$/)
  })

  it('carries its position every 20 s, without an event', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const log = new MemoryLog(limits)
    const hub = new Hub(log, logger)
    const { stream, received } = await aSocketStream()
    await hub.ready()
    hub.attach(stream)
    await hub.catchUp(stream)
    vi.advanceTimersByTime(20_000) // until then the hub has heard of no position
    await log.head()
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
      subscribe: async (channel: string) => void subscribed.push(`+${channel}`),
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
})
