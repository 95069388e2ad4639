import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Hub } from '../src/realtime/hub.js'
import { MemoryBus } from '../src/realtime/memory-bus.js'
import { EventStream } from '../src/realtime/stream.js'

const closing: (() => void)[] = []
afterEach(() => {
  vi.useRealTimers()
  for (const close of closing.splice(0)) close()
})

/** A stream over a real socket, and the socket that reads it. */
const aStream = async () => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => undefined)
  const requested = once(server, 'request')
  socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  const [, response] = (await requested) as [unknown, ServerResponse]
  closing.push(() => {
    socket.destroy()
    server.close()
  })
  const stream = new EventStream(response, { userId: 'u', sessionId: 's' })
  stream.open(Buffer.from('first\n\n'))
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk.toString()
  })
  return { stream, response, socket, received: () => received }
}

describe('an event stream', () => {
  it('cuts off a client that does not read, at little more than 256 KiB of its own memory', async () => {
    const { stream, response, socket } = await aStream()
    socket.pause()
    const closed = once(response, 'close')
    const frame = Buffer.alloc(16 * 1024, 'x')
    let mostUnsent = 0
    const write = () => {
      for (let n = 0; n < 20 && !stream.ended; n++) {
        stream.write(frame)
        mostUnsent = Math.max(mostUnsent, response.writableLength)
      }
      if (!stream.ended) setImmediate(write) // the kernel takes what it can between the turns
    }
    write()
    await closed
    expect(mostUnsent).toBeGreaterThan(256 * 1024)
    expect(mostUnsent).toBeLessThan(256 * 1024 + 2 * frame.length)
  })

  it('keeps the order of what is held, and tells nothing of it before the release', async () => {
    const { stream, received } = await aStream()
    stream.hold()
    stream.hold()
    stream.write(Buffer.from('two\n\n'))
    stream.release()
    stream.write(Buffer.from('three\n\n'))
    await expect.poll(received).toContain('first')
    expect(received()).not.toContain('two')
    stream.release()
    stream.write(Buffer.from('four\n\n'))
    await expect.poll(received).toMatch(/first\n\ntwo\n\nthree\n\nfour\n\n$/)
  })

  it('cuts off where too much is held', async () => {
    const { stream, response } = await aStream()
    const closed = once(response, 'close')
    stream.hold()
    for (let n = 0; n < 20; n++) stream.write(Buffer.alloc(16 * 1024, 'x'))
    await closed
    expect(stream.ended).toBe(true)
  })

  it('carries a heartbeat every 20 s', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const hub = new Hub(new MemoryBus())
    const { stream, received } = await aStream()
    await hub.attach(stream, () => Promise.resolve([]))
    vi.advanceTimersByTime(40_000)
    await expect
      .poll(
        () =>
          received()
            .split('\n\n')
            .filter((block) => block === ':').length,
      )
      .toBe(2)
    hub.drain()
  })

  it('is told when to come back, and ends, when its worker stops', async () => {
    const hub = new Hub(new MemoryBus())
    const { stream, response, received } = await aStream()
    await hub.attach(stream, () => Promise.resolve(['c1']))
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
    const bus = new MemoryBus()
    const subscribed: string[] = []
    const spied: typeof bus = Object.assign(Object.create(bus) as MemoryBus, {
      subscribe: async (channel: string) => void subscribed.push(`+${channel}`),
      unsubscribe: (channel: string) => void subscribed.push(`-${channel}`),
      listen: () => undefined,
    })
    const hub = new Hub(spied)
    const [one, two] = [(await aStream()).stream, (await aStream()).stream]
    await hub.attach(one, () => Promise.resolve(['c1']))
    await hub.attach(two, () => Promise.resolve(['c1', 'c2']))
    hub.detach(one)
    expect(subscribed).toEqual(['+user:u', '+conversation:c1', '+conversation:c2'])
    hub.detach(two)
    expect(subscribed.slice(3).toSorted()).toEqual(['-conversation:c1', '-conversation:c2', '-user:u'])
    hub.drain()
  })
})
