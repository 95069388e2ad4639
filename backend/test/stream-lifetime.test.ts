import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, Socket } from 'node:net'
import express, { type Response } from 'express'
import { Types } from 'mongoose'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { StreamService } from '../src/features/streams/index.js'
import { startLifetime } from '../src/realtime/lifetime.js'
import type { Channel } from '../src/realtime/log/log.js'
import { aDirectConversation } from './support/people.js'
import { aSocketStream, closeSocketStreams } from './support/socket-stream.js'
import { SseClient } from './support/sse-client.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterEach(() => {
  vi.useRealTimers()
  closeSocketStreams()
})
afterAll(() => app.close())

const joinedLongAgo = (conversationId: string) =>
  app.context.mongo.connection
    .collection('conversations')
    .updateOne({ _id: new Types.ObjectId(conversationId) }, { $set: { 'members.$[].joinedAt': new Date(0) } })

const textsOf = ({ events }: SseClient): string[] =>
  events.filter(({ event }) => event === 'message.created').map(({ data }) => (data as { message: { text: string } }).message.text)

/** The streams of the app, that live for another time. */
const servedWith = (limit: Partial<ConstructorParameters<typeof StreamService>[0]>): StreamService => {
  const { hub, log, config, sessions, memberships } = app.context
  return new StreamService({ hub, log, limits: config.eventLog, memberships, sessions, ...limit })
}

/** A server that opens a stream for whoever asks. @returns its URL */
const aServerOf = async (open: (response: Response) => Promise<void>): Promise<string> => {
  const server = createServer(express().use((_request, response) => open(response))).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('a stream’s life', () => {
  it('ends 12 h after it began; 30 s before, the client is told', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { stream, response, received } = await aSocketStream()
    startLifetime(stream, 12 * 3_600_000)
    vi.advanceTimersByTime(12 * 3_600_000 - 30_001)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(1)
    const closed = once(response, 'close')
    vi.advanceTimersByTime(29_999)
    expect(stream.ended).toBe(false)
    vi.advanceTimersByTime(1)
    expect(stream.ended).toBe(true)
    await closed
    vi.useRealTimers()
    await expect
      .poll(received)
      .toMatch(/first\n\nevent: token\.expiring\ndata: \{"type":"token\.expiring","at":"[^"]+","expiresInMs":30000\}\n\n$/)
  })

  it('leaves no clock behind when the stream ends otherwise', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { stream } = await aSocketStream()
    const stop = startLifetime(stream, 60_000)
    vi.advanceTimersByTime(30_000)
    expect(vi.getTimerCount()).toBe(1)
    stop()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('ends with the session, or at its most; the client comes back with its position and misses nothing', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    await joinedLongAgo(conversation.id)
    const caller = app.context.accessTokens.verify(bob.accessToken)
    const seen: string[] = []
    let position: string | undefined
    let sent = 0
    for (const limit of [{ sessions: { endOf: async () => new Date(Date.now() + 500) } }, { lifetimeMs: 500 }]) {
      const url = await aServerOf((response) => servedWith(limit).open(caller, response, position))
      const stream = await SseClient.open(url)
      await stream.ended
      const told = stream.events.find(({ event }) => event === 'token.expiring')
      expect(told?.data).toEqual({
        type: 'token.expiring',
        at: expect.any(String),
        expiresInMs: expect.toSatisfy((ms) => ms >= 0 && ms <= 500),
      })
      seen.push(...textsOf(stream))
      position = stream.events.at(-1)?.id
      await ann.send(conversation.id, { text: `missed ${++sent}` }).expect(201)
    }
    const headers = { authorization: `Bearer ${bob.accessToken}`, 'last-event-id': position ?? '' }
    const last = await SseClient.open(`${app.url}/sse`, { headers })
    await expect.poll(() => [...seen, ...textsOf(last)]).toEqual(['missed 1', 'missed 2'])
    expect(last.events[0]?.data).toMatchObject({ verdict: 'exact' })
    await last.close()
    await expect.poll(() => app.context.hub.streamsOf(bob.id)).toBe(0)
  })
})

describe('a client that goes while its stream opens', () => {
  it('leaves nothing behind', async () => {
    const { bob } = await aDirectConversation(app)
    const caller = app.context.accessTokens.verify(bob.accessToken)
    const { hub, log } = app.context
    const socket = new Socket()
    const outcome = new Promise<unknown>((resolve) => {
      const open = (response: Response) => {
        const head = async () => {
          socket.resetAndDestroy()
          await once(response, 'close')
          return log.head()
        }
        const states = (channels: readonly Channel[]) => log.states(channels)
        const opening = servedWith({ log: { head, states, shardOf: (channel) => log.shardOf(channel) } }).open(caller, response, undefined)
        opening.then(resolve, resolve)
        return opening.catch(() => undefined)
      }
      void aServerOf(open).then((url) => {
        socket.connect(Number(new URL(url).port), '127.0.0.1').write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
      })
    })
    expect(await outcome).toMatchObject({ code: 'service_unavailable' })
    expect(hub.streamCount).toBe(0)
    expect(hub.tells(`user:${bob.id}`)).toBe(false)
  })
})

describe('the end of a stream', () => {
  it('waits 5 s for a client that does not take what was written, and no longer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { stream, response, socket } = await aSocketStream()
    socket.pause()
    const bytes = Buffer.alloc(16 * 1024, 'x')
    while (response.writableLength < 128 * 1024) {
      stream.notice(bytes)
      await new Promise((resolve) => setImmediate(resolve)) // the kernel takes what it can
    }
    stream.end()
    vi.advanceTimersByTime(4999)
    expect(response.destroyed).toBe(false)
    vi.advanceTimersByTime(1)
    expect(response.destroyed).toBe(true)
  })

  it('comes after a minute in a replay that its client does not take', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { stream, response, socket } = await aSocketStream()
    socket.pause()
    stream.hold()
    const frame = Buffer.alloc(64 * 1024, 'x')
    let told = 0
    const telling = (async () => {
      for (; !stream.ended; told++) await stream.replay([`2-${told}`], frame)
    })()
    for (let before = -1; before !== told; ) {
      before = told
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
    vi.advanceTimersByTime(59_999)
    expect(response.destroyed).toBe(false)
    vi.advanceTimersByTime(1)
    await telling
    expect(response.destroyed).toBe(true)
    expect(stream.tooSlow).toBe(true)
  })
})
