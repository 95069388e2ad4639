import { parseSetCookie } from 'cookie'
import type { Test } from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aPassword, aPerson, aPhone, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const webClient = 'https://chat.example.com'
let app: TestApp
let ann: Person
beforeAll(async () => {
  app = await startTestApp({ CORS_ORIGIN: webClient })
  ann = await aPerson(app)
})
afterAll(() => app.close())

type Answer = Awaited<Test>
const cookiesOf = ({ headers }: Answer) => {
  const lines: unknown = headers['set-cookie']
  return (Array.isArray(lines) ? lines.map(String) : []).map((line) => parseSetCookie(line))
}
const valueOf = (answer: Answer, name: string): string => cookiesOf(answer).find((cookie) => cookie.name === name)?.value ?? ''
const login = (query = '?cookie=true', device: object = { name: 'Firefox', platform: 'web' }, at: TestApp = app): Test =>
  at.request.post(`/api/v1/auth/login${query}`).send({ phone: ann.phone, password: ann.password, device })

interface Browser {
  readonly refresh?: string
  readonly csrf?: string
  readonly origin?: string
}
const browserOf = (answer: Answer): Browser => ({
  refresh: valueOf(answer, 'refresh'),
  csrf: valueOf(answer, 'csrf'),
  origin: webClient,
})
const refresh = ({ refresh: token, csrf, origin }: Browser, at: TestApp = app): Test => {
  const asked = at.request.post('/api/v1/auth/refresh')
  if (token !== undefined) asked.set('Cookie', `theme=dark; refresh=${token}; csrf=${csrf ?? ''}`)
  if (csrf !== undefined) asked.set('X-CSRF-Token', csrf)
  if (origin !== undefined) asked.set('Origin', origin)
  return asked.send({})
}

describe('a browser that asks with ?cookie=true', () => {
  it('gets the refresh token in a cookie that no script reads, and not in the body', async () => {
    const answer = await login().expect(200)
    expect(answer.body).not.toHaveProperty('refreshToken')
    expect(answer.text).not.toContain(valueOf(answer, 'refresh'))
    const shared = { path: '/api/v1/auth', httpOnly: true, sameSite: 'lax', maxAge: expect.any(Number) }
    expect(cookiesOf(answer)).toEqual([
      { name: 'refresh', value: expect.stringMatching(/^[\w-]{22}\.[\w-]{43}$/), ...shared },
      { name: 'csrf', value: answer.body.csrfToken, path: '/', sameSite: 'lax', maxAge: expect.any(Number) },
    ])
    const eightHours = 8 * 3600
    for (const { maxAge = 0 } of cookiesOf(answer)) expect(Math.abs(maxAge - eightHours)).toBeLessThan(60)
  })

  it('gets it so when it registers, too', async () => {
    const body = { phone: aPhone(), password: aPassword(), name: 'Bob', device: { name: 'Firefox', platform: 'web' } }
    const answer = await app.request.post('/api/v1/auth/register?cookie=true').send(body).expect(201)
    expect(answer.body).not.toHaveProperty('refreshToken')
    await refresh(browserOf(answer)).expect(200)
  })

  it('gets cookies for TLS alone in production, and where the API is reached over TLS', async () => {
    const secure = await startTestApp({
      API_URL: 'https://api.example.com',
      MONGO_URI: app.context.config.mongo.uri,
      JWT_SECRET: app.secret,
    })
    const answer = await login('?cookie=true', { name: 'Firefox' }, secure).expect(200)
    expect(cookiesOf(answer).map(({ secure: flag }) => flag)).toEqual([true, true])
    await secure.close()
  })

  it('refreshes by the cookie and X-CSRF-Token, and gets the next one in the cookie', async () => {
    const first = await login().expect(200)
    const second = await refresh(browserOf(first)).expect(200)
    expect(Object.keys(second.body).toSorted()).toEqual(['accessToken', 'csrfToken', 'expiresIn'])
    expect(valueOf(second, 'refresh')).not.toBe(valueOf(first, 'refresh'))
    expect(second.body.csrfToken).toBe(valueOf(first, 'csrf'))
    await refresh(browserOf(second)).expect(200)
    await app.request.get('/api/v1/users/me').auth(second.body.accessToken, { type: 'bearer' }).expect(200)
  })

  it('gets the same cookie again when the answer was lost', async () => {
    const first = await login().expect(200)
    const answers = await Promise.all([refresh(browserOf(first)), refresh(browserOf(first))])
    expect(new Set(answers.map((answer) => valueOf(answer, 'refresh'))).size).toBe(1)
  })

  it('is limited by its session', async () => {
    const limited = await startTestApp({
      MONGO_URI: app.context.config.mongo.uri,
      JWT_SECRET: app.secret,
      CORS_ORIGIN: webClient,
      LIMIT_REFRESH: '2/h',
    })
    const [one, other] = [browserOf(await login().expect(200)), browserOf(await login().expect(200))]
    const statusOf = async (browser: Browser) => (await refresh(browser, limited)).status
    expect([await statusOf(one), await statusOf(one), await statusOf(one), await statusOf(other)]).toEqual([200, 200, 429, 200])
    await limited.close()
  })

  it('may be a page of the API’s own host', async () => {
    await refresh({ ...browserOf(await login().expect(200)), origin: app.url }).expect(200)
  })

  it('moves a token that it held itself into the cookie', async () => {
    const { body } = await login('').expect(200)
    const answer = await app.request.post('/api/v1/auth/refresh?cookie=true').send({ refreshToken: body.refreshToken }).expect(200)
    expect(answer.body).not.toHaveProperty('refreshToken')
    await refresh(browserOf(answer)).expect(200)
  })

  it.each(['logout', 'logout-all'])('loses the cookies by %s', async (path) => {
    const answer = await login().expect(200)
    const out = await app.request
      .post(`/api/v1/auth/${path}`)
      .auth(answer.body.accessToken, { type: 'bearer' })
      .set('Cookie', `refresh=${valueOf(answer, 'refresh')}`)
      .expect(204)
    expect(cookiesOf(out).map(({ name, value, maxAge, path: at }) => [name, value, maxAge, at])).toEqual([
      ['refresh', '', 0, '/api/v1/auth'],
      ['csrf', '', 0, '/'],
    ])
    expect((await refresh(browserOf(answer)).expect(401)).body.code).toBe('session_revoked')
  })
})

describe('the cookie of a browser', () => {
  const refused: [string, (browser: Browser, other: Browser) => Browser, number, string][] = [
    ['no X-CSRF-Token', ({ refresh: token = '', origin = '' }) => ({ refresh: token, origin }), 403, 'forbidden'],
    ['an empty X-CSRF-Token', (browser) => ({ ...browser, csrf: '' }), 403, 'forbidden'],
    ['a made-up X-CSRF-Token', (browser) => ({ ...browser, csrf: 'A'.repeat(43) }), 403, 'forbidden'],
    ['another session’s X-CSRF-Token', (browser, { csrf = '' }) => ({ ...browser, csrf }), 403, 'forbidden'],
    ['another site’s Origin', (browser) => ({ ...browser, origin: 'https://evil.example' }), 403, 'forbidden'],
    ['an Origin that begins like ours', (browser) => ({ ...browser, origin: `${webClient}.evil.example` }), 403, 'forbidden'],
    ['our Origin without TLS', (browser) => ({ ...browser, origin: webClient.replace('https', 'http') }), 403, 'forbidden'],
    ['the Origin null', (browser) => ({ ...browser, origin: 'null' }), 403, 'forbidden'],
    ['no Origin', ({ refresh: token = '', csrf = '' }) => ({ refresh: token, csrf }), 403, 'forbidden'],
    ['no refresh token', ({ csrf = '', origin = '' }) => ({ csrf, origin }), 401, 'unauthenticated'],
    ['an empty refresh token', (browser) => ({ ...browser, refresh: '' }), 401, 'unauthenticated'],
    ['a broken refresh token', (browser) => ({ ...browser, refresh: '%%%' }), 403, 'forbidden'],
  ]
  it.each(refused)('with %s is refused, and the session goes on', async (_name, change, status, code) => {
    const [own, other] = [browserOf(await login().expect(200)), browserOf(await login().expect(200))]
    expect((await refresh(change(own, other)).expect(status)).body.code).toBe(code)
    await refresh(own).expect(200)
  })

  it('is not looked at where the body holds a token', async () => {
    const { body } = await login('').expect(200)
    await app.request.post('/api/v1/auth/refresh').set('Cookie', 'refresh=nonsense').send({ refreshToken: body.refreshToken }).expect(200)
  })

  it('signs in to nothing else', async () => {
    const { refresh: token = '' } = browserOf(await login().expect(200))
    await app.request.get('/api/v1/users/me').set('Cookie', `refresh=${token}`).expect(401)
  })

  it('is not set where nobody asks for it', async () => {
    for (const query of ['', '?cookie=false']) {
      const answer = await login(query).expect(200)
      expect([cookiesOf(answer), typeof answer.body.refreshToken]).toEqual([[], 'string'])
    }
  })

  it.each(['?cookie=1', '?cookie=', '?cookie=true&cookie=true', '?cooky=true'])('is not asked for by %s', async (query) => {
    expect((await login(query).expect(400)).body.code).toBe('validation_failed')
  })

  it('goes on through a change of JWT_SECRET', async () => {
    const own = browserOf(await login().expect(200))
    const rotated = await startTestApp({
      MONGO_URI: app.context.config.mongo.uri,
      JWT_SECRET: 'Zq0v'.repeat(12),
      JWT_PREVIOUS_SECRETS: app.secret,
      CORS_ORIGIN: webClient,
    })
    const answer = await rotated.request
      .post('/api/v1/auth/refresh')
      .set({ Cookie: `refresh=${own.refresh}`, 'X-CSRF-Token': own.csrf ?? '', Origin: webClient })
      .send({})
      .expect(200)
    expect(answer.body.csrfToken).not.toBe(own.csrf)
    await rotated.close()
  })
})
