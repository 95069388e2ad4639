import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { anAdmin } from './support/administrators.js'
import { aDirectConversation, aPassword, aPerson } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp({ LOG_LEVEL: 'trace' })
})
afterAll(() => app.close())

const lines = (): Record<string, unknown>[] => app.logs.map((line) => JSON.parse(line))

describe('the log', () => {
  it('holds a line a request: who asked what by which id, what was answered, in what time', async () => {
    const person = await aPerson(app)
    await person.get('/users/me?ticket=hidden').set('X-Request-Id', 'log-1').expect(200)
    await expect.poll(lines).toContainEqual(
      expect.objectContaining({
        level: 30,
        requestId: 'log-1',
        method: 'GET',
        path: '/api/v1/users/me',
        status: 200,
        milliseconds: expect.any(Number),
      }),
    )
  })

  it('holds no token, password, phone or text of a message, however much is logged', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const text = 'meet me at the heliograph'
    await ann.send(conversation.id, { text }).expect(201)
    const wrong = aPassword()
    await app.request.post('/api/v1/auth/login').send({ phone: ann.phone, password: wrong }).expect(401)
    const { body } = await app.request.post('/api/v1/auth/login').send({ phone: ann.phone, password: ann.password }).expect(200)
    const refreshed = await app.request.post('/api/v1/auth/refresh').send({ refreshToken: body.refreshToken }).expect(200)
    await app.request.post('/api/v1/auth/register').send({ phone: ann.phone, password: wrong, name: 'Ann' }).expect(409)
    await bob.get(`/conversations/${conversation.id}/messages?cursor=${ann.accessToken}`).expect(400)
    await app.request.post('/api/v1/auth/login').type('json').send(`{"password":"${wrong}`).expect(400)
    await expect.poll(() => app.logs.filter((line) => line.includes('/auth/login')).length).toBe(3)

    const log = app.logs.join('')
    const tokens = [ann, bob, body, refreshed.body].flatMap(({ accessToken, refreshToken }) => [accessToken, refreshToken])
    for (const secret of [...tokens, ann.password, bob.password, wrong, text, ann.phone, app.secret]) expect(log).not.toContain(secret)
  })

  it('holds no cookie, CSRF token or API key, nor what is got for one', async () => {
    const { phone, password } = await aPerson(app)
    const signedIn = await app.request.post('/api/v1/auth/login?cookie=true').send({ phone, password }).expect(200)
    const refreshToken = /refresh=([^;]+)/.exec(String(signedIn.headers['set-cookie']))?.[1] ?? ''
    const { csrfToken } = signedIn.body
    const headers = { Cookie: `refresh=${refreshToken}`, 'X-CSRF-Token': csrfToken, Origin: app.url }
    const refreshed = await app.request.post('/api/v1/auth/refresh').set(headers).send({}).expect(200)
    await app.request
      .post('/api/v1/auth/refresh')
      .set({ ...headers, 'X-CSRF-Token': 'wrong' })
      .send({})
      .expect(403)
    const { apiKey } = (await (await anAdmin(app)).post('/admin/api-keys', { name: 'Report', scopes: ['admin'] }).expect(201)).body
    const { accessToken } = (await app.request.post('/api/v1/auth/token').send({ apiKey }).expect(200)).body
    await app.request
      .post('/api/v1/auth/token')
      .send({ apiKey: `${apiKey}x` })
      .expect(401)
    await expect.poll(() => app.logs.filter((line) => line.includes('/auth/token')).length).toBe(2)
    const secrets = [refreshToken, csrfToken, apiKey, accessToken, signedIn.body.accessToken, refreshed.body.accessToken]
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(20)
      expect(app.logs.join('')).not.toContain(secret)
    }
  })

  it('holds nothing secret even where somebody logs too much', () => {
    const { logger } = app.context
    const secrets = {
      password: 'p-Xq81',
      refreshToken: 'r-Xq82',
      apiKey: 'k-Xq86',
      csrfToken: 'f-Xq87',
      text: 't-Xq83',
      headers: { authorization: 'a-Xq84', cookie: 'c-Xq85' },
    }
    logger.info({ ...secrets, request: secrets }, 'too much')
    expect(app.logs.join('')).toContain('too much')
    expect(app.logs.join('')).not.toMatch(/Xq8\d/)
  })

  it('holds no line for a probe', async () => {
    for (const path of ['/health', '/health/live', '/health/ready', '/ready']) await app.request.get(path).expect(200)
    await app.request.get('/nowhere').expect(404)
    await expect.poll(() => app.logs.join('')).toContain('"path":"/nowhere"')
    expect(app.logs.join('')).not.toMatch(/"path":"\/(health|ready)/)
  })
})
