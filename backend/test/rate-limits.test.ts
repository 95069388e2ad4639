import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repeat } from './support/limited.js'
import { aDirectConversation, aPerson, aPhone } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp({
    TRUST_PROXY: '1', // so that a test can come from an address of its own
    LIMIT_ANONYMOUS: '3/h',
    LIMIT_LOGIN: '3/h',
    LIMIT_API: '4/h',
    LIMIT_MESSAGES: '6/h',
    LIMIT_STREAMS: '1/h',
  })
})
afterAll(() => app.close())

let lastAddress = 0
const anAddress = (): string => `203.0.113.${++lastAddress}`
const login = (phone: string, address: string) =>
  app.request.post('/api/v1/auth/login').set('X-Forwarded-For', address).send({ phone, password: 'not the password' })

describe('a limit', () => {
  it('says in every answer what is left', async () => {
    const person = await aPerson(app)
    const { headers } = await person.get('/users/me').expect(200)
    expect(headers).toMatchObject({
      'x-ratelimit-limit': '4',
      'x-ratelimit-remaining': '3',
      'x-ratelimit-reset': expect.stringMatching(/^\d+$/),
      'ratelimit-policy': expect.stringContaining('q=4; w=3600'),
      ratelimit: expect.stringContaining('r=3'),
    })
    expect(headers).not.toHaveProperty('retry-after')
  })

  it('that is used up answers 429 with a problem, and says when to come back', async () => {
    const person = await aPerson(app)
    expect(await repeat(4, () => person.get('/users/me'))).toEqual([200, 200, 200, 200])
    const refused = await person.get('/users/me').expect(429)
    expect(refused.headers['content-type']).toContain('application/problem+json')
    expect(refused.body).toMatchObject({ code: 'rate_limited', status: 429, requestId: refused.headers['x-request-id'] })
    expect(refused.headers).toMatchObject({ 'x-ratelimit-remaining': '0', ratelimit: expect.stringContaining('r=0') })
    const seconds = Number(refused.headers['retry-after'])
    expect(seconds).toBeGreaterThan(900) // four fill the window, so a fourth of the next one has to pass
    expect(seconds).toBeLessThanOrEqual(3600 * 1.25)
    expect(Number(refused.headers['x-ratelimit-reset'])).toBeCloseTo(Date.now() / 1000 + seconds, -1)
  })

  it('counts each person alone', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    await repeat(5, () => ann.get('/users/me'))
    await bob.get('/users/me').expect(200)
  })
})

describe('sign-in is limited', () => {
  it('per account, from however many addresses', async () => {
    const phone = aPhone()
    expect(await repeat(4, () => login(phone, anAddress()))).toEqual([401, 401, 401, 429])
    await login(aPhone(), anAddress()).expect(401)
  })

  it('per address, for however many accounts', async () => {
    const address = anAddress()
    expect(await repeat(4, () => login(aPhone(), address))).toEqual([401, 401, 401, 429])
  })

  it('for the right password too', async () => {
    const { phone, password } = await aPerson(app)
    await repeat(3, () => login(phone, anAddress()))
    await app.request.post('/api/v1/auth/login').set('X-Forwarded-For', anAddress()).send({ phone, password }).expect(429)
  })

  it('before the body is read', async () => {
    const address = anAddress()
    const broken = () => app.request.post('/api/v1/auth/login').set('X-Forwarded-For', address).type('json').send('{')
    expect(await repeat(4, broken)).toEqual([400, 400, 400, 429])
  })
})

describe('strangers', () => {
  it('are limited per address where they show no good token', async () => {
    const address = anAddress()
    const knock = () => app.request.get('/api/v1/users/me').set('X-Forwarded-For', address).set('Authorization', 'Bearer bad')
    expect(await repeat(4, knock)).toEqual([401, 401, 401, 429])
    await app.request.get('/api/v1/users/me').set('X-Forwarded-For', anAddress()).expect(401)
  })

  it('who guess refresh tokens are limited', async () => {
    const address = anAddress()
    const guess = () => app.request.post('/api/v1/auth/refresh').set('X-Forwarded-For', address).send({ refreshToken: randomUUID() })
    expect(await repeat(4, guess)).toEqual([401, 401, 401, 429])
  })

  it('of one IPv6 network count as one', async () => {
    const knock = (n: number) => app.request.get('/api/v1/users/me').set('X-Forwarded-For', `2001:db8:0:7::${n}`)
    let n = 0
    expect(await repeat(4, () => knock(++n))).toEqual([401, 401, 401, 429])
  })

  it('cannot choose their address past the proxies in front', async () => {
    const address = anAddress()
    const knock = () => app.request.get('/api/v1/users/me').set('X-Forwarded-For', `${anAddress()}, ${address}`)
    expect(await repeat(4, knock)).toEqual([401, 401, 401, 429])
  })
})

describe('without a proxy in front', () => {
  it('nobody chooses their address', async () => {
    const alone = await startTestApp({ TRUST_PROXY: '', LIMIT_ANONYMOUS: '3/h', LIMIT_LOGIN: '3/h' })
    try {
      const forged = () => ({ 'X-Forwarded-For': anAddress(), 'X-Real-IP': anAddress(), Forwarded: `for=${anAddress()}` })
      expect(await repeat(4, () => alone.request.get('/api/v1/users/me').set(forged()))).toEqual([401, 401, 401, 429])
      const guess = () => alone.request.post('/api/v1/auth/login').set(forged()).send({ phone: aPhone(), password: 'not the password' })
      expect(await repeat(4, guess)).toEqual([401, 401, 401, 429])
    } finally {
      await alone.close()
    }
  })
})

describe('messages', () => {
  it('have a limit of their own: they use up nothing else', async () => {
    const { ann, conversation } = await aDirectConversation(app) // the first of Ann's four calls
    expect(await repeat(7, () => ann.send(conversation.id, {}))).toEqual([201, 201, 201, 201, 201, 201, 429])
    expect(await repeat(4, () => ann.get('/users/me'))).toEqual([200, 200, 200, 429])
  })
})

describe('streams', () => {
  it('are limited per session', async () => {
    const person = await aPerson(app)
    const open = async (accessToken: string): Promise<number> => {
      const abort = new AbortController()
      const { status } = await fetch(`${app.url}/sse`, { headers: { authorization: `Bearer ${accessToken}` }, signal: abort.signal })
      abort.abort()
      return status
    }
    expect([await open(person.accessToken), await open(person.accessToken)]).toEqual([200, 429])
    const { phone, password } = person
    const other = await app.request.post('/api/v1/auth/login').set('X-Forwarded-For', anAddress()).send({ phone, password }).expect(200)
    expect(await open(other.body.accessToken)).toBe(200)
  })
})

describe('probes', () => {
  it.each(['/health', '/health/live', '/health/ready', '/ready'])('of %s are never refused', async (path) => {
    const address = anAddress()
    const statuses = await repeat(12, () => app.request.get(path).set('X-Forwarded-For', address))
    expect(new Set(statuses)).toEqual(new Set([200]))
  })
})

it('paths where there is nothing are counted for strangers', async () => {
  const address = anAddress()
  expect(await repeat(4, () => app.request.get('/api/v1/nowhere').set('X-Forwarded-For', address))).toEqual([404, 404, 404, 429])
})
