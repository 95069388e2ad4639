import { Types } from 'mongoose'
import { Secret, TOTP } from 'otpauth'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { aPassword, aPerson } from './support/people.js'
import { aQrBrowser } from './support/qr.js'
import { SseClient } from './support/sse-client.js'
import { startTestApp, type TestApp } from './support/test-app.js'
import { aPending } from './support/uploads.js'

let app: TestApp
beforeAll(async () => {
  const port = String(await freePort())
  app = await startTestApp({ LOG_LEVEL: 'trace', MAX_LOGIN_ATTEMPTS: '5', PORT: port, API_URL: `http://127.0.0.1:${port}` })
})
afterAll(() => app.close())

/** What was used and must be in no log. */
const secrets = new Set<string>()
const secret = (text: string): string => {
  secrets.add(text)
  return text
}

const codeAt = (base32: string): string => secret(new TOTP({ secret: Secret.fromBase32(base32) }).generate())
const bearer = (accessToken: string) => [accessToken, { type: 'bearer' }] as const
const forgetUse = (id: string) =>
  app.context.mongo.connection.collection('users').updateOne({ _id: new Types.ObjectId(id) }, { $set: { 'totp.lastStep': 0 } })

/** Flows of sign-in, each step of it right once and wrong once. */
const flows: Readonly<Record<string, () => Promise<void>>> = {
  async passwords() {
    const ann = await aPerson(app)
    for (const text of [ann.password, ann.accessToken, ann.refreshToken, ann.phone]) secret(text)
    const login = (password: string) => app.request.post('/api/v1/auth/login').send({ phone: ann.phone, password: secret(password) })
    const { body } = await login(ann.password).expect(200)
    secret(body.accessToken)
    const { body: refreshed } = await app.request
      .post('/api/v1/auth/refresh')
      .send({ refreshToken: secret(body.refreshToken) })
      .expect(200)
    const change = (currentPassword: string, newPassword: string) =>
      app.request
        .put('/api/v1/auth/password')
        .auth(...bearer(secret(refreshed.accessToken)))
        .send({ currentPassword: secret(currentPassword), newPassword: secret(newPassword) })
    const next = aPassword()
    await change(aPassword(), next).expect(401)
    await change(ann.password, 'Weak-password').expect(400)
    await change(ann.password, next).expect(204)
    await change(next, ann.password).expect(400)
    for (let n = 0; n < 6; n++) await login(aPassword()).expect(401) // locked by now
    await app.request
      .post('/api/v1/auth/login')
      .type('json')
      .send(`{"password":"${secret(aPassword())}`)
      .expect(400)
  },

  async queries() {
    const ann = await aPerson(app)
    const other = secret(aPassword())
    for (const authorization of [`Bearer ${other}`, `Basic ${other}`, other])
      await app.request
        .get('/api/v1/users/me')
        .set({ Authorization: authorization, Cookie: `refresh=${other}` })
        .expect(401)
    const { body } = await ann.post('/sse/ticket', {}).expect(201)
    const stream = await SseClient.open(`${app.url}/sse?ticket=${secret(body.ticket)}`)
    await stream.waitFor(({ event }) => event === 'resume', 30_000)
    await stream.close()
    await app.request.get(`/sse?ticket=${body.ticket}`).expect(401)
    const browser = await aQrBrowser(app)
    for (const text of [browser.token, browser.verifier]) secret(text)
    await app.request.get(`/api/v1/auth/qr/${browser.id}?verifier=${browser.verifier}`).expect(200)
    await app.request.post('/api/v1/auth/qr/scan').send({ token: browser.token }).expect(401)
    const { id, upload } = await aPending(ann)
    const signatureOf = (url: string) => secret(new URL(url).searchParams.get('signature') ?? '')
    signatureOf(upload.url)
    await ann.post(`/uploads/${id}/complete`, {}).expect(200)
    const { headers } = await ann.get(`/uploads/${id}/content`).expect(302)
    signatureOf(String(headers['location']))
    await (await fetch(String(headers['location']))).arrayBuffer()
    expect((await fetch(`${String(headers['location'])}x`)).ok).toBe(false)
  },

  async authenticators() {
    const ann = await aPerson(app)
    secret(ann.password)
    const post = (path: string, body: object) =>
      app.request
        .post(`/api/v1/auth/totp${path}`)
        .auth(...bearer(ann.accessToken))
        .send(body)
    const { body: begun } = await post('', { password: ann.password }).expect(200)
    const code = codeAt(secret(begun.secret))
    const { body } = await post('/confirm', { code }).expect(200)
    await post('/confirm', { code }).expect(409)
    const [recovery = '', another = ''] = body.recoveryCodes
    const login = (totp: string) =>
      app.request.post('/api/v1/auth/login').send({ phone: ann.phone, password: ann.password, totp: secret(totp) })
    await login(recovery).expect(200)
    await login(recovery).expect(401)
    await forgetUse(ann.id)
    await login(codeAt(begun.secret)).expect(200)
    await app.request
      .delete('/api/v1/auth/totp')
      .auth(...bearer(ann.accessToken))
      .send({ password: ann.password, code: secret(another) })
      .expect(204)
  },
}

it.each(Object.keys(flows))('no log holds what is secret in %s', async (name) => {
  secrets.clear()
  const before = app.logs.length
  await flows[name]?.()
  await app.request.get(`/flow-is-over/${name}`).expect(404)
  await expect.poll(() => app.logs.slice(before).join('')).toContain(`/flow-is-over/${name}`)
  const lines = app.logs.slice(before).map((line) => line.replaceAll(/"(time|milliseconds|pid)":("[^"]*"|[\d.]+)/g, '')) // six digits may be there by chance
  expect(lines.length).toBeGreaterThan(5)
  expect(secrets.size).toBeGreaterThan(4)
  for (const each of secrets) for (const line of lines) expect(line.replaceAll(/"requestId":"[^"]*"/g, '')).not.toContain(each)
})
