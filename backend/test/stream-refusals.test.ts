import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { Keyspace } from '../src/platform/keyspace.js'
import { hashOfToken } from '../src/platform/random-tokens.js'
import { aTalk } from './support/drops.js'
import { aPerson, type Person } from './support/people.js'
import { SseClient } from './support/sse-client.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const deadlineMs = 30_000
let app: TestApp
const open = new Set<SseClient>()

beforeAll(async () => {
  app = await startTestApp()
})
afterEach(async () => {
  await Promise.all([...open].map((stream) => stream.close()))
  open.clear()
})
afterAll(() => app.close())

const bearer = ({ accessToken }: Person) => ({ authorization: `Bearer ${accessToken}` })

/** What comes instead of a stream. */
const refusal = async (query: string, headers: Record<string, string> = {}, at: TestApp = app) => {
  const answer = await fetch(`${at.url}/sse${query}`, { headers, signal: AbortSignal.timeout(deadlineMs) })
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
  return { status: answer.status, headers: answer.headers, ...((await answer.json()) as { code: string; errors?: { path: string }[] }) }
}

const aStream = async (person: Person, query = '', headers: Record<string, string> = {}): Promise<SseClient> => {
  const stream = await SseClient.open(`${app.url}/sse${query}`, { headers: { ...bearer(person), ...headers } })
  open.add(stream)
  await stream.waitFor(({ event }) => event === 'resume', deadlineMs)
  return stream
}
const resumeOf = ({ events }: SseClient): unknown => events[0]?.data
const aTicket = async (person: Person): Promise<string> => (await person.post('/sse/ticket', {}).expect(201)).body.ticket

/** A good position, and the same with something else in its place. */
const positions = {
  garbage: () => 'garbage',
  'of another epoch': (good: string) => good.replace(/^[^.]+/, 'x'.repeat(16)),
  'without an epoch': (good: string) => good.replace(/^[^.]+\./, ''),
  'without an id': (good: string) => good.replace(/\..*$/, '.'),
  'in the future': (good: string) => good.replace(/\.\d+/, `.${Date.now() + 3_600_000}`),
  'far in the future': (good: string) => good.replace(/\.\d+-\d+/, '.999999999999999-9999999999'),
  'too long ago': (good: string) => good.replace(/\.\d+/, `.${Date.now() - 2 * 3_600_000}`),
  'at the beginning of time': (good: string) => good.replace(/\.\d+-\d+/, '.0-0'),
  'of more shards than there are': (good: string) => good.replace(/\.(.*)$/, '.$1_$1'),
  'with something after it': (good: string) => `${good}x`,
  'with spaces': (good: string) => good.replace('.', ' . '),
  'of 8,000 characters': (good: string) => good + '0'.repeat(8000),
  'with a script in it': () => '<script>alert(1)</script>',
  'that looks like a query': () => '{"$gt":""}',
} satisfies Record<string, (good: string) => string>

describe('a position that is no good', () => {
  it.each(Object.entries(positions))('%s: the stream says reset, tells nothing of the past, and goes on', async (_name, spoil) => {
    const { ann, bob, conversation } = await aTalk(app)
    const before = await aStream(bob)
    await ann.send(conversation.id, { text: 'past' }).expect(201)
    await before.waitFor(({ event }) => event === 'message.created', deadlineMs)
    const stream = await aStream(bob, '', { 'last-event-id': spoil(before.events.at(-1)?.id ?? '') })
    expect(resumeOf(stream)).toEqual({ type: 'resume', verdict: 'reset', cursor: stream.events[0]?.id, refetch: [] })
    await ann.send(conversation.id, { text: 'new' }).expect(201)
    const told = await stream.waitFor(({ event }) => event === 'message.created', deadlineMs)
    expect(told.data).toMatchObject({ message: { text: 'new' } })
    expect(stream.events).toHaveLength(2)
  })

  it('in the query gives way to a good one in the header', async () => {
    const person = await aPerson(app)
    const position = (await aStream(person)).events[0]?.id ?? ''
    expect(resumeOf(await aStream(person, '?lastEventId=garbage', { 'last-event-id': position }))).toMatchObject({ verdict: 'exact' })
    expect(resumeOf(await aStream(person, `?lastEventId=${position}`, { 'last-event-id': 'garbage' }))).toMatchObject({ verdict: 'reset' })
  })

  it('that is no single text of at most 500 characters in the query is not valid', async () => {
    const person = await aPerson(app)
    for (const query of [`?lastEventId=${'x'.repeat(501)}`, '?lastEventId=a&lastEventId=b']) {
      expect(await refusal(query, bearer(person))).toMatchObject({
        status: 400,
        code: 'validation_failed',
        errors: [{ path: 'query.lastEventId' }],
      })
    }
  })
})

describe('a stream is refused before any event', () => {
  it('without a token, with a bad one, and with one in the query', async () => {
    const person = await aPerson(app)
    for (const [query, headers] of [
      ['', {}],
      ['', { authorization: 'Bearer x.y.z' }],
      ['', { authorization: `Basic ${person.accessToken}` }],
      [`?ticket=${person.accessToken}`, {}],
    ] as const) {
      const { status, code, headers: answered } = await refusal(query, headers)
      expect([status, code, answered.get('www-authenticate')]).toEqual([401, 'unauthenticated', 'Bearer'])
    }
  })

  it('with a ticket that was used', async () => {
    const ticket = await aTicket(await aPerson(app))
    open.add(await SseClient.open(`${app.url}/sse?ticket=${ticket}`))
    expect(await refusal(`?ticket=${ticket}`)).toMatchObject({ status: 401, code: 'unauthenticated' })
  })

  it('with a ticket that has expired: none lives longer than 30 s', async () => {
    const ticket = await aTicket(await aPerson(app))
    const redis = new Redis(inject('redisUrl'))
    const key = new Keyspace(() => app.context.mongo.generation).ticket(hashOfToken(ticket))
    expect(await redis.pttl(key)).toBeGreaterThan(0)
    expect(await redis.pttl(key)).toBeLessThanOrEqual(30_000)
    await redis.pexpire(key, 1)
    await expect.poll(() => redis.exists(key)).toBe(0)
    expect(await refusal(`?ticket=${ticket}`)).toMatchObject({ status: 401, code: 'unauthenticated' })
    redis.disconnect()
  })

  it('when the session has ended, by its token and by a ticket from before', async () => {
    const person = await aPerson(app)
    const ticket = await aTicket(person)
    await person.post('/auth/logout', {}).expect(204)
    expect(await refusal('', bearer(person))).toMatchObject({ status: 401, code: 'session_revoked' })
    expect(await refusal(`?ticket=${ticket}`)).toMatchObject({ status: 401, code: 'session_revoked' })
    const { body } = await person.post('/sse/ticket', {}).expect(401)
    expect(body.code).toBe('session_revoked')
  })

  it('over the limit of streams, and told when to come back', async () => {
    const limited = await startTestApp({ LIMIT_STREAMS: '3/min' })
    const person = await aPerson(limited)
    for (let n = 0; n < 3; n++) open.add(await SseClient.open(`${limited.url}/sse`, { headers: bearer(person) }))
    const { status, code, headers } = await refusal('', bearer(person), limited)
    expect([status, code]).toEqual([429, 'rate_limited'])
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    const { body } = await limited.request.post('/api/v1/sse/ticket').auth(person.accessToken, { type: 'bearer' }).expect(429)
    expect(body.code).toBe('rate_limited')
    await limited.close()
  })

  it('while the worker is about to stop', async () => {
    const stopping = await startTestApp()
    const person = await aPerson(stopping)
    stopping.context.hub.drain()
    const { status, code, headers } = await refusal('', bearer(person), stopping)
    expect([status, code, Number(headers.get('retry-after')) > 0]).toEqual([503, 'service_unavailable', true])
    await stopping.close()
  })
})
