import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aPerson } from './support/people.js'
import { codeOfMe, signIn, streamOf } from './support/sessions.js'
import { dataOf } from './support/streams.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const deadlineMs = 30_000
let app: TestApp
let neighbour: TestApp // another worker: same database, same Redis

beforeAll(async () => {
  app = await startTestApp()
  neighbour = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

const stored = () => app.context.mongo.connection.collection('sessions')
const living = (userId: string) => stored().countDocuments({ userId: new Types.ObjectId(userId), revokedAt: { $exists: false } })

describe('ending all sessions of a user', () => {
  it('ends each at every worker, and tells of each', async () => {
    const person = await aPerson(app)
    const sessions = [await signIn(app, person), await signIn(app, person)]
    const streams = await Promise.all(sessions.flatMap((session) => [streamOf(app, session), streamOf(neighbour, session)]))
    expect(await app.context.sessions.revokeAll(person.id, { reason: 'suspended' })).toBe(3)
    await Promise.all(streams.map((stream) => stream.ended))
    for (const session of sessions) {
      expect(await codeOfMe(app, session)).toBe('session_revoked')
      await expect.poll(() => codeOfMe(neighbour, session), { timeout: deadlineMs }).toBe('session_revoked')
    }
    for (const stream of streams) expect(stream.events.at(-1)).toMatchObject({ event: 'session.revoked', data: { reason: 'suspended' } })
    expect(await living(person.id)).toBe(0)
  })

  it('leaves the one that is named, which is told of each other one', async () => {
    const [person, other] = [await aPerson(app), await aPerson(app)]
    const [kept, one, two] = [await signIn(app, person), await signIn(app, person), await signIn(app, person)]
    const stream = await streamOf(neighbour, kept)
    expect(await app.context.sessions.revokeAll(person.id, { except: kept.sessionId, reason: 'password_changed' })).toBe(3)
    await expect.poll(() => dataOf(stream, 'session.revoked'), { timeout: deadlineMs }).toHaveLength(3)
    const told = dataOf(stream, 'session.revoked').map(({ sessionId }) => sessionId)
    expect(told).toEqual(expect.arrayContaining([one.sessionId, two.sessionId]))
    expect(told).not.toContain(kept.sessionId)
    expect([await codeOfMe(app, kept), await codeOfMe(app, other)]).toEqual([undefined, undefined])
    await stream.close()
  })

  it('ends and tells each once, however often it is asked at once', async () => {
    const person = await aPerson(app)
    const [kept, ...sessions] = [await signIn(app, person), await signIn(app, person), await signIn(app, person)]
    const stream = await streamOf(app, kept)
    const workers = [app, neighbour, app, neighbour, app, neighbour]
    const ended = await Promise.all(
      workers.map(({ context }) => context.sessions.revokeAll(person.id, { except: kept.sessionId, reason: 'password_reset' })),
    )
    expect(ended.reduce((sum, count) => sum + count, 0)).toBe(3)
    await app.context.sessions.revoke({ userId: person.id, sessionId: kept.sessionId }, 'logout') // told after all that was told before
    await stream.ended
    const told = dataOf(stream, 'session.revoked').map(({ sessionId }) => sessionId)
    expect(new Set(told)).toEqual(new Set([kept.sessionId, ...sessions.map(({ sessionId }) => sessionId), expect.any(String)]))
    expect(told).toHaveLength(4)
  })

  it('of more than fit into one round ends every one', async () => {
    const person = await aPerson(app)
    const now = new Date()
    const many = Array.from({ length: 1100 }, (_, n) => ({
      _id: new Types.ObjectId(),
      userId: new Types.ObjectId(person.id),
      device: null,
      familyHash: `none-${person.id}-${n}`,
      refreshHash: `none-${person.id}-${n}`,
      createdAt: now,
      lastSeenAt: now,
      expiresAt: new Date(now.getTime() + 3_600_000),
    }))
    await stored().insertMany(many)
    expect(await app.context.sessions.revokeAll(person.id, { reason: 'suspended' })).toBe(1101)
    expect(await living(person.id)).toBe(0)
  })
})
