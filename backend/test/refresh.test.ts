import { randomBytes } from 'node:crypto'
import { Types } from 'mongoose'
import type { Test } from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aPerson } from './support/people.js'
import { codeOfMe, type Session, signIn, streamOf } from './support/sessions.js'
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

const refresh = (refreshToken: unknown, at: TestApp = app): Test => at.request.post('/api/v1/auth/refresh').send({ refreshToken })
const stored = () => app.context.mongo.connection.collection('sessions')
const idOf = ({ sessionId }: Pick<Session, 'sessionId'>) => ({ _id: new Types.ObjectId(sessionId) })
const aSession = async (): Promise<Session> => signIn(app, await aPerson(app))
/** As if what was used had been used so long before. */
const age = (session: Session, seconds: number) =>
  stored().updateOne(idOf(session), { $set: { 'used.$[].at': new Date(Date.now() - seconds * 1000) } })
const auditOf = (sessionId: string) =>
  app.context.mongo.connection.collection('audit').find({ action: 'session.refresh_reuse', 'target.id': sessionId }).toArray()

describe('a refresh token', () => {
  it('is traded for a new pair of the same session', async () => {
    const session = await aSession()
    const { body } = await refresh(session.refreshToken).expect(200)
    expect(Object.keys(body).toSorted()).toEqual(['accessToken', 'expiresIn', 'refreshToken'])
    expect(body.refreshToken).not.toBe(session.refreshToken)
    expect(await codeOfMe(app, body)).toBeUndefined()
    await refresh(body.refreshToken).expect(200)
  })

  it('gets the same pair again within 10 s, from any worker: the answer may have been lost', async () => {
    const session = await aSession()
    const first = await refresh(session.refreshToken).expect(200)
    const again = await Promise.all([refresh(session.refreshToken).expect(200), refresh(session.refreshToken, neighbour).expect(200)])
    for (const { body } of again) expect(body).toEqual(first.body)
    await refresh(first.body.refreshToken).expect(200)
  })

  it('of which a hundred come at once, at two workers, is traded once, and all get the same pair', async () => {
    const session = await aSession()
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => refresh(session.refreshToken, n % 2 ? app : neighbour)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1)
    expect((await stored().findOne(idOf(session)))?.['used']).toHaveLength(1)
    await refresh(answers[0]?.body.refreshToken).expect(200)
  })

  it('that comes again later ends its session: at every worker, told to the person, and recorded', async () => {
    const person = await aPerson(app)
    const [stolen, other] = [await signIn(app, person), await signIn(app, person)]
    const [own, watching] = [await streamOf(neighbour, stolen), await streamOf(neighbour, other)]
    const { body } = await refresh(stolen.refreshToken).expect(200)
    await age(stolen, 11)
    expect((await refresh(stolen.refreshToken).expect(401)).body.code).toBe('session_revoked')
    await own.ended
    const told = await watching.waitFor(({ event }) => event === 'session.revoked', deadlineMs)
    expect(told.data).toMatchObject({ sessionId: stolen.sessionId, reason: 'refresh_reuse' })
    expect((await refresh(body.refreshToken).expect(401)).body.code).toBe('session_revoked')
    for (const worker of [app, neighbour]) {
      await expect.poll(() => codeOfMe(worker, body), { timeout: deadlineMs }).toBe('session_revoked')
      expect(await codeOfMe(worker, other)).toBeUndefined()
    }
    expect(await auditOf(stolen.sessionId)).toMatchObject([
      { outcome: 'refused', actor: { kind: 'user', id: person.id }, origin: { ip: expect.stringMatching(/127\.0\.0\.1$/) } },
    ])
    await watching.close()
  })

  it('ends its session however many refreshes ago it was used, once, however many bring it at once', async () => {
    const session = await aSession()
    let newest = session.refreshToken
    for (let n = 0; n < 6; n++) newest = (await refresh(newest).expect(200)).body.refreshToken
    await age(session, 11)
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => refresh(session.refreshToken, n % 2 ? app : neighbour)))
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.code}`))).toEqual(new Set(['401 session_revoked']))
    await refresh(newest).expect(401)
    expect(await auditOf(session.sessionId)).toHaveLength(1)
  })

  it('that nobody ever had ends nothing: not a foreign one, not a made-up one of the right length', async () => {
    const [session, other] = [await aSession(), await aSession()]
    const foreign = other.refreshToken.slice(0, 22) + session.refreshToken.slice(22)
    const madeUp = `${'A'.repeat(22)}.${randomBytes(32).toString('base64url')}`
    for (const forged of [madeUp, randomBytes(48).toString('base64url'), session.refreshToken.slice(0, -1), `${session.refreshToken}\n`]) {
      expect((await refresh(forged).expect(401)).body.code).toBe('unauthenticated')
    }
    await refresh(session.refreshToken).expect(200)
    expect((await refresh(foreign).expect(401)).body.code).toBe('session_revoked') // who sends it has had the other's
  })

  it('is limited by its session, through all rotations', async () => {
    const limited = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret, LIMIT_REFRESH: '3/h' })
    const [session, other] = [await aSession(), await aSession()]
    let newest = session.refreshToken
    for (let n = 0; n < 3; n++) newest = (await refresh(newest, limited).expect(200)).body.refreshToken
    await refresh(newest, limited).expect(429)
    await refresh(other.refreshToken, limited).expect(200)
    await refresh(newest).expect(200)
    await limited.close()
  })

  it('is stored as a hash alone; the pair for a retry can be read by nobody who does not hold it, and goes after 10 s', async () => {
    const session = await aSession()
    const { body } = await refresh(session.refreshToken).expect(200)
    const document = JSON.stringify(await stored().findOne(idOf(session)))
    for (const secret of [session.refreshToken, body.refreshToken, body.accessToken]) {
      expect(document).not.toContain(secret)
      expect(document).not.toContain(secret.slice(0, 22))
      expect(document).not.toContain(secret.slice(-22))
    }
    await age(session, 11)
    await expect.poll(async () => (await stored().findOne(idOf(session)))?.['used'], { timeout: 30_000, interval: 250 }).toEqual([])
  }, 120_000)

  it('is good for its time and no longer', async () => {
    const session = await aSession()
    await stored().updateOne(idOf(session), { $set: { expiresAt: new Date() } })
    expect((await refresh(session.refreshToken).expect(401)).body.code).toBe('unauthenticated')
  })

  it.each(['', 'nonsense', 'x'.repeat(200), '\u0000'.repeat(65), '🔑'.repeat(20)])('is refused where it is none: %j', async (token) => {
    expect((await refresh(token).expect(401)).body.code).toBe('unauthenticated')
  })

  it.each([null, 1, {}, { $gt: '' }, ['x'], 'x'.repeat(201)])('has to be text: %j is told to be wrong', async (token) => {
    expect((await refresh(token).expect(400)).body.errors).toEqual([expect.objectContaining({ path: 'body.refreshToken' })])
  })

  it('that is not there is missed', async () => {
    const answer = await app.request.post('/api/v1/auth/refresh').send({}).expect(401)
    expect(answer.body).toMatchObject({ code: 'unauthenticated', detail: expect.stringContaining('no refresh token') })
  })
})

describe('how long a session lives', () => {
  const hours = (session: { readonly [field: string]: unknown } | null, field: string): number =>
    (Number(session?.['expiresAt']) - Number(session?.[field])) / 3_600_000
  const platformOf = (platform: string) => ({ name: 'theirs', platform })

  it('is 30 days unused, 8 hours in a browser, and moves on with each refresh', async () => {
    const person = await aPerson(app)
    for (const [platform, expected] of [
      ['ios', 30 * 24],
      ['web', 8],
    ] as const) {
      const session = await signIn(app, person, platformOf(platform))
      expect(hours(await stored().findOne(idOf(session)), 'lastSeenAt')).toBeCloseTo(expected, 3)
      await stored().updateOne(idOf(session), { $set: { expiresAt: new Date(Date.now() + 60_000) } })
      await refresh(session.refreshToken).expect(200)
      expect(hours(await stored().findOne(idOf(session)), 'lastSeenAt')).toBeCloseTo(expected, 3)
    }
  })

  it('is 90 days at most, 7 in a browser, however much it is used', async () => {
    const person = await aPerson(app)
    for (const [platform, days] of [
      ['android', 90],
      ['web', 7],
    ] as const) {
      const session = await signIn(app, person, platformOf(platform))
      const createdAt = new Date(Date.now() - days * 86_400_000 + 300_000) // five minutes are left
      await stored().updateOne(idOf(session), { $set: { createdAt } })
      const { body } = await refresh(session.refreshToken).expect(200)
      expect(hours(await stored().findOne(idOf(session)), 'createdAt')).toBeCloseTo(days * 24, 6)
      expect(body.expiresIn).toBeGreaterThan(200)
      expect(body.expiresIn).toBeLessThanOrEqual(300) // nor does an access token outlive it
    }
  })

  it('is what the variables say', async () => {
    const lifetimes = { REFRESH_TOKEN_TTL: '2h', SESSION_MAX_TTL: '3h', WEB_SESSION_TTL: '30m', WEB_SESSION_MAX_TTL: '10m' }
    const other = await startTestApp({ ...lifetimes, MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
    const person = await aPerson(app)
    const [phone, browser] = [await signIn(other, person, platformOf('ios')), await signIn(other, person, platformOf('web'))]
    expect(hours(await stored().findOne(idOf(phone)), 'createdAt')).toBeCloseTo(2, 3)
    expect(hours(await stored().findOne(idOf(browser)), 'createdAt')).toBeCloseTo(1 / 6, 3)
    await other.close()
  })
})
