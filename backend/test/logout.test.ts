import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { hasDied } from './support/dead-worker.js'
import { aPerson, type Person } from './support/people.js'
import { SseClient } from './support/sse-client.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const deadlineMs = 30_000
let app: TestApp
let neighbour: TestApp // another worker: same database, same Redis
const open = new Set<SseClient>()

beforeAll(async () => {
  app = await startTestApp()
  neighbour = await anotherWorker()
})
afterEach(async () => {
  await Promise.all([...open].map((stream) => stream.close()))
  open.clear()
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

const anotherWorker = (overrides: Readonly<Record<string, string>> = {}) =>
  startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret, ...overrides })

interface Session {
  readonly accessToken: string
  readonly refreshToken: string
  readonly sessionId: string
}

const signIn = async ({ phone, password }: Person): Promise<Session> => {
  const { body } = await app.request.post('/api/v1/auth/login').send({ phone, password }).expect(200)
  return { accessToken: body.accessToken, refreshToken: body.refreshToken, sessionId: body.session.id }
}
const logout = ({ accessToken }: Pick<Session, 'accessToken'>, at: TestApp = app) =>
  at.request.post('/api/v1/auth/logout').auth(accessToken, { type: 'bearer' })
const me = ({ accessToken }: Pick<Session, 'accessToken'>, at: TestApp = app) =>
  at.request.get('/api/v1/users/me').auth(accessToken, { type: 'bearer' })
const codeOfMe = async (session: Pick<Session, 'accessToken'>, at: TestApp): Promise<unknown> => (await me(session, at)).body.code
const aStream = async ({ accessToken }: Pick<Session, 'accessToken'>, at: TestApp = app): Promise<SseClient> => {
  const stream = await SseClient.open(`${at.url}/sse`, { headers: { authorization: `Bearer ${accessToken}` } })
  open.add(stream)
  await stream.waitFor(({ event }) => event === 'resume', deadlineMs)
  return stream
}
const stored = () => app.context.mongo.connection.collection('sessions')
const sessionDocument = ({ sessionId }: Session) => stored().findOne({ _id: new Types.ObjectId(sessionId) })

describe('logging out', () => {
  it('ends the session: its refresh token and its access token are refused, by every worker', async () => {
    const session = await signIn(await aPerson(app))
    await logout(session).expect(204, {})
    const refreshed = await app.request.post('/api/v1/auth/refresh').send({ refreshToken: session.refreshToken }).expect(401)
    expect(refreshed.body.code).toBe('session_revoked')
    expect((await me(session).expect(401)).body.code).toBe('session_revoked')
    await expect.poll(() => codeOfMe(session, neighbour)).toBe('session_revoked')
  })

  it('leaves the person’s other sessions as they are', async () => {
    const person = await aPerson(app)
    const [one, other] = [await signIn(person), await signIn(person)]
    await logout(one).expect(204)
    await me(other).expect(200)
    await app.request.post('/api/v1/auth/refresh').send({ refreshToken: other.refreshToken }).expect(200)
  })

  it('ends the session’s streams at every worker, and tells the person’s other devices', async () => {
    const person = await aPerson(app)
    const [one, other] = [await signIn(person), await signIn(person)]
    const ending = [await aStream(one), await aStream(one, neighbour)]
    const staying = [await aStream(other), await aStream(other, neighbour)]
    await logout(one).expect(204)
    const data = { type: 'session.revoked', at: expect.any(String), sessionId: one.sessionId, reason: 'logout' }
    for (const stream of ending) {
      await stream.ended
      expect(stream.events.map(({ event }) => event)).toEqual(['resume', 'session.revoked'])
      expect(stream.events.at(-1)).toMatchObject({ data, id: stream.events[0]?.id })
    }
    for (const stream of staying) {
      const told = await stream.waitFor(({ event }) => event === 'session.revoked', deadlineMs)
      expect(told.data).toEqual(data)
      expect(told.id).not.toBe(stream.events[0]?.id)
    }
    expect([app, neighbour].map(({ context }) => context.hub.streamsOf(person.id))).toEqual([1, 1])
  })

  it('tells it once, however often it is asked at once', async () => {
    const person = await aPerson(app)
    const [one, other] = [await signIn(person), await signIn(person)]
    const stream = await aStream(other)
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => logout(one, n % 2 ? app : neighbour)))
    expect(answers.every(({ status, body }) => status === 204 || body.code === 'session_revoked')).toBe(true)
    await logout(other).expect(204) // what is told of it comes after all that was told before
    await stream.ended
    expect(stream.events.map(({ data }) => (data as { sessionId?: string }).sessionId)).toEqual([undefined, one.sessionId, other.sessionId])
  })

  it('leaves no stream behind that opens at the same moment', async () => {
    const person = await aPerson(app)
    const session = await signIn(person)
    const opening = Array.from({ length: 8 }, (_, n) => aStream(session, n % 2 ? app : neighbour).catch((error: unknown) => String(error)))
    await logout(session).expect(204)
    for (const outcome of await Promise.all(opening)) {
      if (typeof outcome === 'string') expect(outcome).toMatch(/401 .*session_revoked|503 .*service_unavailable/)
      else await outcome.ended
    }
    await expect.poll(() => [app, neighbour].map(({ context }) => context.hub.streamsOf(person.id))).toEqual([0, 0])
  })

  it('keeps the session’s document until its end is told, however short it had to live', async () => {
    const session = await signIn(await aPerson(app))
    await stored().updateOne({ _id: new Types.ObjectId(session.sessionId) }, { $set: { expiresAt: new Date(Date.now() + 60_000) } })
    await logout(session).expect(204)
    const document = await sessionDocument(session)
    expect(document?.['expiresAt'].getTime()).toBeGreaterThan(Date.now() + 23 * 3_600_000)
    expect(document?.['revokedAt']).toBeInstanceOf(Date)
  })

  it('needs a session', async () => {
    expect((await app.request.post('/api/v1/auth/logout').expect(401)).body.code).toBe('unauthenticated')
  })
})

describe('a session that has ended', () => {
  /** Ended in the database, and nobody was told. */
  const endedUnheard = async (): Promise<Session & { ticket: string }> => {
    const session = await signIn(await aPerson(app))
    const issued = await app.request.post('/api/v1/sse/ticket').auth(session.accessToken, { type: 'bearer' }).expect(201)
    await stored().updateOne({ _id: new Types.ObjectId(session.sessionId) }, { $set: { revokedAt: new Date() } })
    return { ...session, ticket: issued.body.ticket }
  }

  it('opens no stream, even at a worker that has not heard of its end', async () => {
    const { accessToken, ticket } = await endedUnheard()
    for (const answer of [
      await fetch(`${app.url}/sse`, { headers: { authorization: `Bearer ${accessToken}` } }),
      await fetch(`${app.url}/sse?ticket=${ticket}`),
    ]) {
      expect([answer.status, answer.headers.get('content-type')]).toEqual([401, 'application/problem+json; charset=utf-8'])
      expect(await answer.json()).toMatchObject({ code: 'session_revoked' })
    }
  })

  it('opens no stream when its time is over or its document is gone', async () => {
    const [over, gone] = [await signIn(await aPerson(app)), await signIn(await aPerson(app))]
    await stored().updateOne({ _id: new Types.ObjectId(over.sessionId) }, { $set: { expiresAt: new Date() } })
    await stored().deleteOne({ _id: new Types.ObjectId(gone.sessionId) })
    for (const { accessToken } of [over, gone]) {
      const answer = await fetch(`${app.url}/sse`, { headers: { authorization: `Bearer ${accessToken}` } })
      expect([answer.status, await answer.json()]).toMatchObject([401, { code: 'session_revoked' }])
    }
  })

  it('is known to a worker that starts later', async () => {
    const session = await signIn(await aPerson(app))
    await logout(session).expect(204)
    const later = await anotherWorker()
    expect(await codeOfMe(session, later)).toBe('session_revoked')
    await later.close()
  })

  it('is known to a worker without Redis, and to one that was without', async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    const cutOff = await anotherWorker({ REDIS_URL: through(inject('redisUrl'), proxy) })
    const [during, other] = [await signIn(await aPerson(app)), await signIn(await aPerson(app))]
    await me(during, cutOff).expect(200)
    proxy.cut()
    await expect.poll(() => cutOff.context.redisReady(), { timeout: deadlineMs }).toBe(false)
    await logout(during).expect(204)
    await expect.poll(() => codeOfMe(during, cutOff), { timeout: deadlineMs }).toBe('session_revoked')
    proxy.restore()
    await expect.poll(() => cutOff.context.hub.hearing, { timeout: deadlineMs }).toBeDefined()
    await logout(other).expect(204)
    await expect.poll(() => codeOfMe(other, cutOff), { timeout: deadlineMs }).toBe('session_revoked')
    await cutOff.close()
    await proxy.close()
  })

  it('is ended in a stream too whose worker was without Redis meanwhile', async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    const cutOff = await anotherWorker({ REDIS_URL: through(inject('redisUrl'), proxy) })
    const person = await aPerson(app)
    const [ending, staying] = [await signIn(person), await signIn(person)]
    const streams = [await aStream(ending, cutOff), await aStream(staying, cutOff)] as const
    proxy.cut()
    await expect.poll(() => cutOff.context.redisReady(), { timeout: deadlineMs }).toBe(false)
    await logout(ending).expect(204)
    proxy.restore()
    await streams[0].ended
    expect(streams[0].events.map(({ event }) => event)).toEqual(['resume', 'session.revoked'])
    const told = await streams[1].waitFor(({ event }) => event === 'session.revoked', deadlineMs)
    expect(told.data).toMatchObject({ sessionId: ending.sessionId })
    expect(cutOff.context.hub.streamsOf(person.id)).toBe(1)
    await cutOff.close()
    await proxy.close()
  })

  it('by a worker that cannot publish is answered all the same, and told once it can', async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    const cutOff = await anotherWorker({ REDIS_URL: through(inject('redisUrl'), proxy) })
    const person = await aPerson(app)
    const session = await signIn(person)
    const stream = await aStream(session)
    proxy.cut()
    await expect.poll(() => cutOff.context.redisReady(), { timeout: deadlineMs }).toBe(false)
    await logout(session, cutOff).expect(204)
    expect(await codeOfMe(session, cutOff)).toBe('session_revoked')
    proxy.restore()
    await stream.ended
    expect(stream.events.at(-1)?.event).toBe('session.revoked')
    await cutOff.close()
    await proxy.close()
  })

  it('is told by another worker when the one that ended it died first', async () => {
    const session = await signIn(await aPerson(app))
    const stream = await aStream(session)
    const dead = randomUUID()
    const entry = { eventId: randomUUID(), worker: dead, at: new Date(), type: 'session.revoked', data: { reason: 'logout' } }
    await stored().updateOne({ _id: new Types.ObjectId(session.sessionId) }, { $set: { revokedAt: new Date(), outbox: [entry] } })
    await hasDied(app, dead)
    await expect
      .poll(
        async () => {
          await Promise.all([app.context.sweeper.sweep(), neighbour.context.sweeper.sweep()])
          return stream.events.at(-1)?.event
        },
        { timeout: deadlineMs },
      )
      .toBe('session.revoked')
    await stream.ended
  })
})
