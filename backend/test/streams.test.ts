import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { asTold } from './support/message-stream.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { SseClient, type SseEvent } from './support/sse-client.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const deadlineMs = 30_000
let app: TestApp
let neighbour: TestApp // another worker: same database, same Redis
const open = new Set<SseClient>()

beforeAll(async () => {
  app = await startTestApp()
  neighbour = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
})
afterEach(async () => {
  await Promise.all([...open].map((stream) => stream.close()))
  open.clear()
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

const aStream = async (
  person: Person,
  options: { at?: TestApp; headers?: Record<string, string>; query?: string } = {},
): Promise<SseClient> => {
  const url = `${(options.at ?? app).url}/sse${options.query ?? ''}`
  const stream = await SseClient.open(url, { headers: { authorization: `Bearer ${person.accessToken}`, ...options.headers } })
  open.add(stream)
  return stream
}

const isMessage = (text: string) => (event: SseEvent) =>
  event.event === 'message.created' && (event.data as { message: { text: string } }).message.text === text

describe('a stream', () => {
  it('begins with resume: live where no position is given', async () => {
    const stream = await aStream(await aPerson(app))
    const first = await stream.waitFor(() => true, deadlineMs)
    expect(first).toMatchObject({ event: 'resume', data: { type: 'resume', verdict: 'live', refetch: [] } })
    expect(first.id).toBe((first.data as { cursor: string }).cursor)
  })

  it.each([
    ['in the header', { headers: { 'last-event-id': 'abc-1' } }],
    ['in the query', { query: '?lastEventId=abc-1' }],
  ])('tells who comes with a position %s to fetch all: reset', async (_name, options) => {
    const stream = await aStream(await aPerson(app), options)
    expect(await stream.waitFor(() => true, deadlineMs)).toMatchObject({ event: 'resume', data: { verdict: 'reset' } })
  })

  it('tells every member of a message, and nobody else', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const outsider = await aPerson(app)
    const streams = await Promise.all([ann, bob, outsider].map((person) => aStream(person)))
    const sent = await ann.send(conversation.id, { text: 'hello' }).expect(201)
    for (const stream of streams.slice(0, 2)) {
      const told = await stream.waitFor(isMessage('hello'), deadlineMs)
      expect(told.data).toEqual({
        type: 'message.created',
        conversationId: conversation.id,
        at: sent.body.createdAt,
        message: asTold(sent.body),
      })
    }
    // What is told to the outsider later comes after anything that was told before.
    const other = await outsider.post('/conversations', { type: 'direct', userId: ann.id }).expect(201)
    await streams[2]?.waitFor((event) => event.event === 'conversation.created', deadlineMs)
    expect(streams[2]?.events.map((event) => event.event)).toEqual(['resume', 'conversation.created'])
    expect(other.body.id).not.toBe(conversation.id)
  })

  it('tells members at another worker', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const stream = await aStream(bob, { at: neighbour })
    await ann.send(conversation.id, { text: 'across' }).expect(201)
    await stream.waitFor(isMessage('across'), deadlineMs)
  })

  it('tells of a new conversation, as each member sees it, and from then on of what is said in it', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    const streams = [await aStream(bob), await aStream(bob, { at: neighbour })]
    const created = await ann.post('/conversations', { type: 'group', name: 'Climbers', memberIds: [bob.id] }).expect(201)
    for (const stream of streams) {
      const told = await stream.waitFor((event) => event.event === 'conversation.created', deadlineMs)
      expect(told.data).toMatchObject({
        conversationId: created.body.id,
        conversation: { id: created.body.id, name: 'Climbers', my: { role: 'member' } },
      })
    }
    await ann.send(created.body.id, { text: 'welcome' }).expect(201)
    for (const stream of streams) await stream.waitFor(isMessage('welcome'), deadlineMs)
  })

  it('tells 300 messages of two senders at two workers once each', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const stream = await aStream(bob, { at: neighbour })
    const texts = Array.from({ length: 300 }, () => randomUUID())
    const url = (n: number) => (n % 2 === 0 ? app : neighbour).url
    await Promise.all(
      texts.map(async (text, n) => {
        const response = await fetch(`${url(n)}/api/v1/conversations/${conversation.id}/messages`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${(n % 3 === 0 ? ann : bob).accessToken}` },
          body: JSON.stringify({ clientId: randomUUID(), text }),
        })
        expect(response.status).toBe(201)
      }),
    )
    await Promise.all(texts.map((text) => stream.waitFor(isMessage(text), deadlineMs)))
    const told = stream.events
      .filter((event) => event.event === 'message.created')
      .map((event) => (event.data as { message: { text: string } }).message.text)
    expect(told.toSorted()).toEqual(texts.toSorted())
  })

  it('of a member of many conversations tells of each', async () => {
    const ann = await aPerson(app)
    const groups = await Promise.all(Array.from({ length: 12 }, () => aGroup(app, 2, ann)))
    const stream = await aStream(ann)
    for (const { conversation, members } of groups) await members.at(-1)?.send(conversation.id, { text: conversation.id }).expect(201)
    await Promise.all(groups.map(({ conversation }) => stream.waitFor(isMessage(conversation.id), deadlineMs)))
  })

  it('is sent as it is: not chunked, not compressed, not cached, not buffered', async () => {
    const person = await aPerson(app)
    const abort = new AbortController()
    const response = await fetch(`${app.url}/sse`, {
      headers: { authorization: `Bearer ${person.accessToken}`, 'accept-encoding': 'gzip' },
      signal: abort.signal,
    })
    const names = ['content-type', 'transfer-encoding', 'content-encoding', 'cache-control', 'x-accel-buffering']
    expect(names.map((name) => response.headers.get(name))).toEqual(['text/event-stream; charset=utf-8', null, null, 'no-store', 'no'])
    abort.abort()
  })

  it('is refused before any event without a good token', async () => {
    const response = await fetch(`${app.url}/sse`)
    expect([response.status, response.headers.get('content-type')]).toEqual([401, 'application/problem+json; charset=utf-8'])
    expect(await response.json()).toMatchObject({ code: 'unauthenticated' })
  })

  it('is forgotten when its client goes', async () => {
    const before = app.context.hub.streamCount
    const stream = await aStream(await aPerson(app))
    expect(app.context.hub.streamCount).toBe(before + 1)
    await stream.close()
    await expect.poll(() => app.context.hub.streamCount).toBe(before)
  })
})

describe('a ticket', () => {
  const aTicket = async (person: Person): Promise<string> => {
    const { body } = await person.post('/sse/ticket', {}).expect(201)
    expect(body).toEqual({ ticket: expect.stringMatching(/^[\w-]{32}$/), expiresIn: 30 })
    return body.ticket
  }

  it('opens one stream of its person, at any worker, without a header', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const ticket = await aTicket(bob)
    const stream = await SseClient.open(`${neighbour.url}/sse?ticket=${ticket}`)
    open.add(stream)
    await ann.send(conversation.id, { text: 'to the ticket' }).expect(201)
    await stream.waitFor(isMessage('to the ticket'), deadlineMs)
    const again = await fetch(`${app.url}/sse?ticket=${ticket}`)
    expect([again.status, await again.json()]).toMatchObject([401, { code: 'unauthenticated' }])
  })

  it('opens one stream even when it comes ten times at once', async () => {
    const ticket = await aTicket(await aPerson(app))
    const abort = new AbortController()
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => fetch(`${(n % 2 ? app : neighbour).url}/sse?ticket=${ticket}`, { signal: abort.signal })),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, ...Array(9).fill(401)])
    abort.abort()
  })

  it.each(['', 'x', 'y'.repeat(90), '../../etc'])('that is %j opens nothing', async (ticket) => {
    const answer = await fetch(`${app.url}/sse?ticket=${encodeURIComponent(ticket)}`)
    expect([answer.status, await answer.json()]).toMatchObject([401, { code: 'unauthenticated' }])
  })

  it('opens streams alone, and is no access token', async () => {
    const ticket = await aTicket(await aPerson(app))
    await app.request.get(`/api/v1/users/me?ticket=${ticket}`).expect(401)
    await app.request.get('/api/v1/users/me').auth(ticket, { type: 'bearer' }).expect(401)
  })
})

describe('the streams of one session', () => {
  it('are ten at most: the oldest ends', async () => {
    const person = await aPerson(app)
    const streams: SseClient[] = []
    for (let n = 0; n < 12; n++) streams.push(await aStream(person))
    await Promise.all(streams.slice(0, 2).map((stream) => stream.ended))
    expect(app.context.hub.streamsOf(person.id)).toBe(10)
  })
})

describe('without Redis', () => {
  it('one process tells its own streams', async () => {
    const alone = await startTestApp({ REDIS_URL: '' })
    const [ann, bob] = [await aPerson(alone), await aPerson(alone)]
    const stream = await aStream(bob, { at: alone })
    const created = await ann.post('/conversations', { type: 'direct', userId: bob.id }).expect(201)
    await stream.waitFor((event) => event.event === 'conversation.created', deadlineMs)
    await ann.send(created.body.id, { text: 'in memory' }).expect(201)
    await stream.waitFor(isMessage('in memory'), deadlineMs)
    const { body } = await bob.post('/sse/ticket', {}).expect(201)
    open.add(await SseClient.open(`${alone.url}/sse?ticket=${body.ticket}`))
    expect((await fetch(`${alone.url}/sse?ticket=${body.ticket}`)).status).toBe(401)
    await alone.close()
  })
})
