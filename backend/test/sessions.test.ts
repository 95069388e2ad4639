import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserDocument } from '../src/features/users/index.js'
import { aPerson, type Person } from './support/people.js'
import { codeOfMe, type Session, signIn, streamOf } from './support/sessions.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const deadlineMs = 30_000
let app: TestApp
let neighbour: TestApp // another worker: same database, same Redis
beforeAll(async () => {
  app = await startTestApp({ TRUST_PROXY: 'loopback' }, { sessions: { seenEveryMs: 20 } })
  neighbour = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

const stored = () => app.context.mongo.connection.collection('sessions')
const idOf = ({ sessionId }: Pick<Session, 'sessionId'>) => ({ _id: new Types.ObjectId(sessionId) })
const ask = (method: 'get' | 'delete' | 'post', path: string, { accessToken }: Pick<Session, 'accessToken'>, at: TestApp = app) =>
  at.request[method](`/api/v1${path}`).auth(accessToken, { type: 'bearer' })
const list = async (session: Pick<Session, 'accessToken'>, query = '') => (await ask('get', `/sessions${query}`, session).expect(200)).body
const auditOf = (action: string, targetId: string) =>
  app.context.mongo.connection.collection('audit').find({ action, 'target.id': targetId }).toArray()

describe('GET /sessions', () => {
  it('lists one’s own sessions, newest first, and says which one asks', async () => {
    const [person] = [await aPerson(app), await aPerson(app)]
    const device = { name: 'Ann’s phone', platform: 'ios', appVersion: '1.2.3' }
    const [first, second] = [await signIn(app, person, device), await signIn(app, person)]
    const { items, nextCursor } = await list(first)
    expect(items).toHaveLength(3)
    expect(items.slice(0, 2)).toEqual([
      {
        id: second.sessionId,
        device: null,
        ip: '127.0.0.1',
        place: 'unknown',
        createdAt: expect.any(String),
        lastSeenAt: expect.any(String),
        current: false,
      },
      expect.objectContaining({ id: first.sessionId, device, current: true }),
    ])
    expect(nextCursor).toBeNull()
  })

  it('comes in pages', async () => {
    const person = await aPerson(app)
    const sessions = [await signIn(app, person), await signIn(app, person), await signIn(app, person)]
    const first = await list(person, '?limit=3')
    const second = await list(person, `?limit=3&cursor=${first.nextCursor}`)
    const ids = [...first.items, ...second.items].map(({ id }: { id: string }) => id)
    expect(ids.slice(0, 3)).toEqual(sessions.map(({ sessionId }) => sessionId).toReversed())
    expect([ids.length, new Set(ids).size, second.nextCursor]).toEqual([4, 4, null])
  })

  it('leaves out what has ended, or whose time is over', async () => {
    const person = await aPerson(app)
    const [ended, over] = [await signIn(app, person), await signIn(app, person)]
    await ask('post', '/auth/logout', ended).expect(204)
    await stored().updateOne(idOf(over), { $set: { expiresAt: new Date() } })
    expect((await list(person)).items).toHaveLength(1)
  })

  it('shows where a session was refreshed last', async () => {
    const person = await aPerson(app)
    const session = await signIn(app, person)
    await app.request
      .post('/api/v1/auth/refresh')
      .set('X-Forwarded-For', '192.0.2.77')
      .send({ refreshToken: session.refreshToken })
      .expect(200)
    expect((await list(person)).items[0]).toMatchObject({ id: session.sessionId, ip: '192.0.2.77' })
  })

  it('shows when a session was used last, written down apart from its requests', async () => {
    const session = await signIn(app, await aPerson(app))
    const long = new Date(Date.now() - 3_600_000)
    await stored().updateOne(idOf(session), { $set: { lastSeenAt: long } })
    await list(session)
    await expect.poll(async () => (await stored().findOne(idOf(session)))?.['lastSeenAt'], { timeout: deadlineMs }).not.toEqual(long)
  })

  it('is written down by a worker that stops', async () => {
    const worker = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
    const session = await signIn(app, await aPerson(app))
    const long = new Date(Date.now() - 3_600_000)
    await expect.poll(() => codeOfMe(worker, session)).toBeUndefined()
    await stored().updateOne(idOf(session), { $set: { lastSeenAt: long } })
    await worker.close()
    expect((await stored().findOne(idOf(session)))?.['lastSeenAt']).not.toEqual(long)
  })

  it.each(['?cursor=nonsense', '?cursor=WyJzeW5jIiwxXQ', '?limit=0', '?limit=101', '?limit=x', '?other=1', `?cursor=${'x'.repeat(501)}`])(
    'refuses %s',
    async (query) => {
      const answer = await ask('get', `/sessions${query}`, await aPerson(app)).expect(400)
      expect(answer.body.code).toBe('validation_failed')
    },
  )

  it('needs a session', async () => {
    await app.request.get('/api/v1/sessions').expect(401)
  })
})

describe('DELETE /sessions/:id', () => {
  it('ends that one alone, and records it', async () => {
    const person = await aPerson(app)
    const [one, other] = [await signIn(app, person), await signIn(app, person)]
    const stream = await streamOf(neighbour, one)
    await ask('delete', `/sessions/${one.sessionId}`, other).expect(204, {})
    await stream.ended
    expect(stream.events.at(-1)).toMatchObject({ event: 'session.revoked', data: { sessionId: one.sessionId, reason: 'ended_elsewhere' } })
    expect([await codeOfMe(app, one), await codeOfMe(app, other)]).toEqual(['session_revoked', undefined])
    expect(await auditOf('session.revoked', one.sessionId)).toMatchObject([
      { outcome: 'done', actor: { kind: 'user', id: person.id }, detail: { reason: 'ended_elsewhere' } },
    ])
  })

  it('finds none of somebody else’s, none that has ended, and none that never was', async () => {
    const [person, stranger] = [await aPerson(app), await aPerson(app)]
    const [theirs, ended] = [await signIn(app, stranger), await signIn(app, person)]
    await ask('delete', `/sessions/${ended.sessionId}`, person).expect(204)
    for (const { sessionId } of [theirs, ended, { sessionId: 'f'.repeat(24) }]) {
      expect((await ask('delete', `/sessions/${sessionId}`, person).expect(404)).body.code).toBe('not_found')
    }
    expect(await codeOfMe(app, theirs)).toBeUndefined()
  })

  it.each(['x', '0'.repeat(23), 'G'.repeat(24), '%7B%22$gt%22:%22%22%7D'])('refuses the id %s', async (id) => {
    await ask('delete', `/sessions/${id}`, await aPerson(app)).expect(400)
  })

  it('ends the one that asks, too', async () => {
    const session = await signIn(app, await aPerson(app))
    await ask('delete', `/sessions/${session.sessionId}`, session).expect(204)
    expect(await codeOfMe(app, session)).toBe('session_revoked')
  })
})

describe('ending many', () => {
  const three = async (): Promise<{ person: Person; sessions: [Session, Session, Session] }> => {
    const person = await aPerson(app)
    return { person, sessions: [await signIn(app, person), await signIn(app, person), await signIn(app, person)] }
  }

  it('POST /auth/logout-all ends all, this one too', async () => {
    const { person, sessions } = await three()
    await ask('post', '/auth/logout-all', sessions[0]).expect(204, {})
    for (const session of [person, ...sessions]) expect(await codeOfMe(app, session)).toBe('session_revoked')
    expect(await auditOf('session.all_revoked', person.id)).toMatchObject([{ detail: { reason: 'logout_all', sessions: 4 } }])
    await signIn(app, person)
  })

  it('DELETE /sessions ends all others', async () => {
    const { person, sessions } = await three()
    await ask('delete', '/sessions', sessions[0]).expect(204, {})
    for (const session of [person, ...sessions.slice(1)]) expect(await codeOfMe(app, session)).toBe('session_revoked')
    expect(await codeOfMe(app, sessions[0])).toBeUndefined()
    expect(await auditOf('session.all_revoked', person.id)).toMatchObject([{ detail: { reason: 'ended_elsewhere', sessions: 3 } }])
  })

  /** How long until the other worker refuses these sessions and has ended their streams, in ms. */
  const millisecondsUntilEnded = async (sessions: readonly Session[], end: () => PromiseLike<unknown>): Promise<number> => {
    const streams = await Promise.all(sessions.map((session) => streamOf(neighbour, session)))
    const startedAt = performance.now()
    await Promise.all([
      end(),
      ...streams.map((stream) => stream.ended),
      ...sessions.map((session) =>
        expect.poll(() => codeOfMe(neighbour, session), { timeout: deadlineMs, interval: 2 }).toBe('session_revoked'),
      ),
    ])
    return Math.round(performance.now() - startedAt)
  }

  it('is known to another worker within a second, and their streams have ended there: measured', async () => {
    const { sessions } = await three()
    const { sessions: others } = await three()
    const { sessions: all } = await three()
    const measured = {
      one: await millisecondsUntilEnded([sessions[0]], () => ask('delete', `/sessions/${sessions[0].sessionId}`, sessions[1]).expect(204)),
      others: await millisecondsUntilEnded(others.slice(1), () => ask('delete', '/sessions', others[0]).expect(204)),
      all: await millisecondsUntilEnded(all, () => ask('post', '/auth/logout-all', all[0]).expect(204)),
    }
    console.log('another worker refuses, streams ended, after (ms):', measured) // promised: 1000
  })
})

describe('a person’s sessions', () => {
  it('are a hundred at most: the one that was not used for longest ends', async () => {
    const person = await aPerson(app)
    const used = await signIn(app, person)
    const userId = new Types.ObjectId(person.id)
    const user = await app.context.mongo.connection.collection<UserDocument>('users').findOne({ _id: userId })
    if (!user) throw new Error('They have just registered')
    for (let n = 0; n < 98; n++) await app.context.sessions.open(user, null)
    await stored().updateOne(idOf(used), { $set: { lastSeenAt: new Date(Date.now() + 60_000) } })
    expect(await codeOfMe(app, person)).toBeUndefined()
    await stored().updateMany({ userId, lastSeenAt: { $lt: new Date() } }, { $set: { lastSeenAt: new Date(Date.now() - 60_000) } })
    const living = () => stored().countDocuments({ userId, revokedAt: { $exists: false } })
    expect(await living()).toBe(100)
    const newest = await signIn(app, person)
    expect(await living()).toBe(100)
    const [ended] = await stored()
      .find({ userId, revokedAt: { $exists: true } })
      .toArray()
    expect(ended?.['outbox'] ?? []).toEqual([expect.objectContaining({ data: { reason: 'too_many_sessions' } })])
    expect([await codeOfMe(app, used), await codeOfMe(app, newest)]).toEqual([undefined, undefined])
  })
})
