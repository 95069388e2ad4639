import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { aPassword, aPerson, aPhone } from './support/people.js'
import { TcpProxy } from './support/tcp-proxy.js'
import { aDatabase, startTestApp, type TestApp } from './support/test-app.js'

const settings = { TRUST_PROXY: '1', MAX_LOGIN_ATTEMPTS: '5', LOCKOUT_DURATION_MINUTES: '30' }
let app: TestApp
let second: TestApp
beforeAll(async () => {
  const MONGO_URI = aDatabase()
  app = await startTestApp({ ...settings, MONGO_URI })
  second = await startTestApp({ ...settings, MONGO_URI })
})
afterAll(async () => {
  await second.close()
  await app.close()
})

let lastAddress = 0
const anAddress = (): string => `198.51.100.${++lastAddress}`
const login = (on: TestApp, address: string, body: object) =>
  on.request.post('/api/v1/auth/login').set('X-Forwarded-For', address).send(body)
const wrong = (on: TestApp, address: string, known: object) => login(on, address, { ...known, password: aPassword() })
const repeat = async (times: number, ask: () => PromiseLike<unknown>): Promise<void> => {
  for (let n = 0; n < times; n++) await ask()
}
const seconds = (headers: Record<string, string>): number => Number(headers['retry-after'])

describe('an account whose password was guessed at five times from an address', () => {
  it('answers that address as a wrong password does, and says when to come back, though the password is right', async () => {
    const { phone, password } = await aPerson(app)
    const address = anAddress()
    const first = await wrong(app, address, { phone }).expect(401)
    expect(first.headers).not.toHaveProperty('retry-after')
    await repeat(4, () => wrong(app, address, { phone }).expect(401))
    const { body, headers } = await login(app, address, { phone, password }).expect(401)
    expect({ ...body, requestId: '' }).toEqual({ ...first.body, requestId: '' })
    expect(seconds(headers)).toBeGreaterThan(1700)
    expect(seconds(headers)).toBeLessThanOrEqual(1800)
  })

  it('is still open to other addresses, and its sessions go on', async () => {
    const ann = await aPerson(app)
    const address = anAddress()
    await repeat(6, () => wrong(app, address, { phone: ann.phone }))
    await login(app, anAddress(), { phone: ann.phone, password: ann.password }).expect(200)
    await ann.get('/users/me').expect(200)
    await app.request.post('/api/v1/auth/refresh').set('X-Forwarded-For', address).send({ refreshToken: ann.refreshToken }).expect(200)
    await login(app, address, { phone: ann.phone, password: ann.password }).expect(401)
  })

  it('is so at every worker', async () => {
    const { phone, password } = await aPerson(app)
    const address = anAddress()
    await repeat(3, () => wrong(app, address, { phone }))
    await repeat(2, () => wrong(second, address, { phone }))
    for (const on of [app, second])
      expect(seconds((await login(on, address, { phone, password }).expect(401)).headers)).toBeGreaterThan(1700)
  })

  it('does not differ from one that is not there', async () => {
    const { phone } = await aPerson(app)
    const answersOf = async (known: object) => {
      const address = anAddress()
      const answers = []
      for (let n = 0; n < 7; n++) {
        const { status, body, headers } = await wrong(app, address, known)
        const names = Object.keys(headers).toSorted()
        answers.push({ status, body: { ...body, requestId: '' }, names, isLong: seconds(headers) > 1700 })
      }
      return answers
    }
    const known = await answersOf({ phone })
    expect(await answersOf({ phone: aPhone() })).toEqual(known)
    expect(await answersOf({ email: 'nobody@example.com' })).toEqual(known)
    expect(known.map(({ isLong }) => isLong)).toEqual([false, false, false, false, true, true, true])
  })

  it('was guessed at five times and no more, of a hundred guesses at the same moment', async () => {
    const { phone } = await aPerson(app)
    const address = anAddress()
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => wrong(n % 2 ? app : second, address, { phone })))
    expect(answers.filter(({ headers }) => headers['retry-after'] === undefined)).toHaveLength(4)
  })

  it('is told of in the audit log', async () => {
    const { id, phone } = await aPerson(app)
    const address = anAddress()
    await repeat(6, () => wrong(app, address, { phone }))
    const entries = await app.context.mongo.connection.collection('audit').find({ 'actor.id': id }).sort({ at: 1, _id: 1 }).toArray()
    const told = entries.map(({ action, outcome, detail }) => `${action} ${outcome} ${detail?.reason ?? ''}`.trim())
    const refused = 'login refused password'
    expect(told).toEqual(['account.registered done', ...Array<string>(5).fill(refused), 'account.locked done', 'login refused locked'])
    expect(entries.at(-1)).toMatchObject({ origin: { ip: address } })
    expect(JSON.stringify(entries)).not.toContain(phone)
  })
})

describe('failed attempts', () => {
  it('are forgotten once the password is right', async () => {
    const { phone, password } = await aPerson(app)
    const address = anAddress()
    for (let n = 0; n < 3; n++) {
      await repeat(4, () => wrong(app, address, { phone }).expect(401))
      await login(app, address, { phone, password }).expect(200)
    }
  })

  it('count by every way to write a phone, and for a change of password', async () => {
    const { phone, accessToken, password } = await aPerson(app)
    const address = anAddress()
    await repeat(2, () => wrong(app, address, { phone }))
    await repeat(2, () => wrong(app, address, { phone: phone.replace('+49', '+490') }))
    const change = (currentPassword: string) =>
      app.request
        .put('/api/v1/auth/password')
        .auth(accessToken, { type: 'bearer' })
        .set('X-Forwarded-For', address)
        .send({ currentPassword, newPassword: aPassword() })
    await change('wrong').expect(401)
    expect(seconds((await change(password).expect(401)).headers)).toBeGreaterThan(1700)
    await login(app, address, { phone, password }).expect(401)
  })

  it('count for networks of IPv6, not for their addresses', async () => {
    const { phone, password } = await aPerson(app)
    let n = 0
    await repeat(5, () => wrong(app, `2001:db8:0:9::${++n}`, { phone }))
    await login(app, '2001:db8:0:9::ffff', { phone, password }).expect(401)
    await login(app, '2001:db8:ffff::1', { phone, password }).expect(200)
  })

  it('are counted while Redis is away', async () => {
    const redis = new URL(inject('redisUrl'))
    const proxy = await TcpProxy.open({ host: redis.hostname, port: Number(redis.port) })
    onTestFinished(() => proxy.close())
    const alone = await startTestApp({ ...settings, REDIS_URL: `redis://127.0.0.1:${proxy.port}` })
    onTestFinished(() => alone.close())
    const { phone, password } = await aPerson(alone)
    proxy.cut()
    await expect.poll(() => alone.context.redisReady()).toBe(false)
    const address = anAddress()
    await repeat(5, () => wrong(alone, address, { phone }).expect(401))
    expect(seconds((await login(alone, address, { phone, password }).expect(401)).headers)).toBeGreaterThan(1700)
  })

  it('are counted without Redis', async () => {
    const alone = await startTestApp({ ...settings, REDIS_URL: '' })
    onTestFinished(() => alone.close())
    const { id, phone, password } = await aPerson(alone)
    const address = anAddress()
    await repeat(5, () => wrong(alone, address, { phone }).expect(401))
    await login(alone, address, { phone, password }).expect(401)
    await alone.context.mongo.connection
      .collection('users')
      .updateOne({ _id: new Types.ObjectId(id) }, { $set: { email: 'a@example.com' } })
    await login(alone, address, { email: 'A@Example.com', password }).expect(200)
  })
})
