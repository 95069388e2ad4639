import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { encodeFrame } from '../src/realtime/catalogue.js'
import { afterwards, aStream } from './support/listening.js'
import { aDirectConversation, aPerson, type Person } from './support/people.js'
import type { SseClient } from './support/sse-client.js'
import { dataOf } from './support/streams.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'
import { aDatabase, startTestApp, type TestApp } from './support/test-app.js'

const MONGO_URI = aDatabase()
const JWT_SECRET = 'the same secret for both workers, long enough'
const worker = (typing: { lasts?: number; leastBetween?: number }, environment: Record<string, string> = {}): Promise<TestApp> =>
  startTestApp({ MONGO_URI, JWT_SECRET, ...environment }, { typing })

/** So long that no test sees it end by itself. */
const patient = { lasts: 600_000, leastBetween: 600_000 }
let app: TestApp
let neighbour: TestApp
beforeAll(async () => {
  ;[app, neighbour] = await Promise.all([worker(patient), worker(patient)])
})
afterAll(async () => {
  await Promise.all([app.close(), neighbour.close()])
})

const aWorker = async (...parameters: Parameters<typeof worker>): Promise<TestApp> => {
  const started = await worker(...parameters)
  afterwards(() => started.close())
  return started
}

const say = (person: Person, conversationId: string, body: object, at: TestApp = app) =>
  at.request.post(`/api/v1/conversations/${conversationId}/typing`).auth(person.accessToken, { type: 'bearer' }).send(body)

/** Ann and Bob, whose stream is at the other worker. */
const bobListens = async () => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  const stream = await aStream(bob, neighbour)
  await isLive(stream, neighbour, bob)
  return { ann, bob, id: conversation.id, stream }
}
/** What passes by while a stream catches up is not told. */
const isLive = (stream: SseClient, at: TestApp, { id }: Person) =>
  vi.waitUntil(
    async () => {
      await at.context.log.tell(`user:${id}`, encodeFrame('probe', {}))
      return dataOf(stream, 'probe').length > 0
    },
    { timeout: 30_000 },
  )
const typingOf = (stream: SseClient): unknown[] => dataOf(stream, 'typing').map(({ typing }) => typing)
/** All that was told before is here once this is. */
const upToNow = async (stream: SseClient, ann: Person, id: string): Promise<void> => {
  const { body } = await ann.send(id, {}).expect(201)
  await expect.poll(() => JSON.stringify(dataOf(stream, 'message.created'))).toContain(body.id)
}

describe('typing', () => {
  it('is told at every worker, without an id, and its end too', async () => {
    const { ann, id, stream } = await bobListens()
    await upToNow(stream, ann, id)
    const logged = () => app.context.log.states([`conversation:${id}`])
    const before = await logged()
    await say(ann, id, { typing: true }).expect(204)
    await say(ann, id, { typing: false }).expect(204)
    await expect.poll(() => typingOf(stream)).toEqual([true, false])
    expect(dataOf(stream, 'typing')[0]).toEqual({
      type: 'typing',
      conversationId: id,
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      userId: ann.id,
      typing: true,
    })
    expect(await logged()).toEqual(before)
  })

  it('said again and again is told once in its time, and nothing of it is kept for who comes later', async () => {
    const { ann, bob, id, stream } = await bobListens()
    for (let n = 0; n < 5; n++) await say(ann, id, { typing: true }).expect(204)
    await expect.poll(() => typingOf(stream)).toEqual([true])
    await say(ann, id, { typing: false }).expect(204)
    await say(ann, id, { typing: false }).expect(204)
    await say(ann, id, { typing: true }).expect(204) // too soon after the first
    await say(ann, id, { typing: false }).expect(204)
    await upToNow(stream, ann, id)
    expect(typingOf(stream).slice(0, 2)).toEqual([true, false])
    expect(typingOf(stream).filter(Boolean)).toEqual([true])
    const later = await aStream(bob, app)
    await upToNow(later, ann, id)
    expect(typingOf(later)).toEqual([])
  })

  it('is told again after its time', async () => {
    const often = await aWorker({ lasts: 600_000, leastBetween: 0 })
    const { ann, id, stream } = await bobListens()
    for (let n = 0; n < 3; n++) await say(ann, id, { typing: true }, often).expect(204)
    await expect.poll(() => typingOf(stream)).toEqual([true, true, true])
  })

  it('ends by itself', async () => {
    const short = await aWorker({ lasts: 100 })
    const { ann, id, stream } = await bobListens()
    await say(ann, id, { typing: true }, short).expect(204)
    await expect.poll(() => typingOf(stream)).toEqual([true, false])
  })

  it('does not end at the worker that heard it first while another one hears it', async () => {
    const short = await aWorker({ lasts: 3000 })
    const { ann, id, stream } = await bobListens()
    await say(ann, id, { typing: true }, short).expect(204)
    await say(ann, id, { typing: true }, neighbour).expect(204)
    await expect.poll(() => typingOf(stream)).toEqual([true, true])
    await aWorkerHasForgotten(short)
    await upToNow(stream, ann, id)
    expect(typingOf(stream)).toEqual([true, true])
    await say(ann, id, { typing: false }, short).expect(204)
    await expect.poll(() => typingOf(stream)).toEqual([true, true, false])
  })

  it('ends with the message that was typed', async () => {
    const { ann, id, stream } = await bobListens()
    await say(ann, id, { typing: true }).expect(204)
    await ann.send(id, {}).expect(201)
    await expect.poll(() => typingOf(stream)).toEqual([true, false])
    await upToNow(stream, ann, id)
    expect(typingOf(stream)).toEqual([true, false])
  })

  it('may be said while Redis is away, and nobody hears of it', async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    afterwards(() => proxy.close())
    const { ann, id } = await bobListens()
    const cutOff = await aWorker({ lasts: 50 }, { REDIS_URL: through(inject('redisUrl'), proxy) })
    proxy.cut()
    await say(ann, id, { typing: true }, cutOff).expect(204)
    await say(ann, id, { typing: false }, cutOff).expect(204)
    await say(ann, id, { typing: true }, cutOff).expect(204)
    await aWorkerHasForgotten(cutOff)
  })

  it('works within one process without Redis', async () => {
    const alone = await startTestApp({ REDIS_URL: '' }, { typing: { lasts: 100 } })
    const { ann, bob, conversation } = await aDirectConversation(alone)
    const stream = await aStream(bob, alone)
    await isLive(stream, alone, bob)
    await say(ann, conversation.id, { typing: true }, alone).expect(204)
    await expect.poll(() => typingOf(stream)).toEqual([true, false])
    await stream.close()
    await alone.close()
  })

  it.each([
    ['nothing', {}, 'body.typing'],
    ['no boolean', { typing: 'yes' }, 'body.typing'],
    ['more than it takes', { typing: true, userId: '0'.repeat(24) }, 'body'],
  ])('with %s is refused', async (_name, body, path) => {
    const { ann, conversation } = await aDirectConversation(app)
    expect((await say(ann, conversation.id, body).expect(400)).body.errors[0].path).toBe(path)
  })

  it('is none of an outsider’s business, who cannot tell that the conversation exists', async () => {
    const { id, stream, ann } = await bobListens()
    const outsider = await aPerson(app)
    for (const of of [id, 'f'.repeat(24)]) expect((await say(outsider, of, { typing: true }).expect(404)).body.code).toBe('not_found')
    await upToNow(stream, ann, id)
    expect(typingOf(stream)).toEqual([])
  })
})

const aWorkerHasForgotten = (at: TestApp) => expect.poll(() => at.context.typing.typists).toBe(0)
