import { Types } from 'mongoose'
import { Secret, TOTP } from 'otpauth'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { aPassword, aPerson, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

const users = (on = app) => on.context.mongo.connection.collection('users')
const ofId = (id: string) => ({ _id: new Types.ObjectId(id) })
const login = (body: object, on = app) => on.request.post('/api/v1/auth/login').send(body)
const post = (path: string, accessToken: string, body: object, on = app) =>
  on.request.post(`/api/v1${path}`).auth(accessToken, { type: 'bearer' }).send(body)
const remove = (accessToken: string, body: object) =>
  app.request.delete('/api/v1/auth/totp').auth(accessToken, { type: 'bearer' }).send(body)
const codeAt = (secret: string, inSeconds = 0): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + inSeconds * 1000 })
/** Not right in any step that is near. */
const wrongCode = (secret: string): string => {
  const near = new Set([-60, -30, 0, 30, 60].map((inSeconds) => codeAt(secret, inSeconds)))
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !near.has(code)) ?? ''
}
/** So that a test needs not wait for the next code. */
const forgetUse = (id: string) => users().updateOne(ofId(id), { $set: { 'totp.lastStep': 0 } })

const withTotp = async (): Promise<{ ann: Person; secret: string; recoveryCodes: string[] }> => {
  const ann = await aPerson(app)
  const { body: begun } = await post('/auth/totp', ann.accessToken, { password: ann.password }).expect(200)
  const { body } = await post('/auth/totp/confirm', ann.accessToken, { code: codeAt(begun.secret) }).expect(200)
  return { ann, secret: begun.secret, recoveryCodes: body.recoveryCodes }
}

describe('setting up an authenticator', () => {
  it('gives a secret, as a URL too, which asks for nothing until it is confirmed', async () => {
    const ann = await aPerson(app)
    const { body } = await post('/auth/totp', ann.accessToken, { password: ann.password }).expect(200)
    expect(body).toEqual({ secret: expect.stringMatching(/^[A-Z2-7]{32}$/), url: expect.stringMatching(/^otpauth:\/\/totp\//) })
    expect(new URL(body.url).searchParams.get('secret')).toBe(body.secret)
    expect(decodeURIComponent(body.url)).toContain(ann.phone)
    await login({ phone: ann.phone, password: ann.password }).expect(200)
    await post('/auth/totp/confirm', ann.accessToken, { code: wrongCode(body.secret) }).expect(401)
    await login({ phone: ann.phone, password: ann.password }).expect(200)
  })

  it('ends with ten recovery codes, and every other session', async () => {
    const ann = await aPerson(app)
    const { body: other } = await login({ phone: ann.phone, password: ann.password }).expect(200)
    const { body: begun } = await post('/auth/totp', ann.accessToken, { password: ann.password }).expect(200)
    const { body } = await post('/auth/totp/confirm', ann.accessToken, { code: codeAt(begun.secret) }).expect(200)
    expect(body).toEqual({ recoveryCodes: expect.any(Array) })
    expect(new Set(body.recoveryCodes).size).toBe(10)
    for (const code of body.recoveryCodes) expect(code).toMatch(/^[A-Z2-7]{4}(-[A-Z2-7]{4}){3}$/)
    await ann.get('/users/me').expect(200)
    await app.request.get('/api/v1/users/me').auth(other.accessToken, { type: 'bearer' }).expect(401)
    await post('/auth/totp/confirm', ann.accessToken, { code: codeAt(begun.secret) }).expect(409)
    await post('/auth/totp', ann.accessToken, { password: ann.password }).expect(409)
  })

  it('stores neither the secret nor a recovery code as it is', async () => {
    const { ann, secret, recoveryCodes } = await withTotp()
    const stored = JSON.stringify(await users().findOne(ofId(ann.id)))
    for (const text of [secret, ...recoveryCodes, ...recoveryCodes.map((code) => code.replaceAll('-', ''))])
      expect(stored).not.toContain(text)
  })

  it('needs the password where there is one', async () => {
    const ann = await aPerson(app)
    await post('/auth/totp', ann.accessToken, {}).expect(401)
    await post('/auth/totp', ann.accessToken, { password: aPassword() }).expect(401)
    await users().updateOne(ofId(ann.id), { $unset: { passwordHash: '' } })
    await post('/auth/totp', ann.accessToken, {}).expect(200)
  })

  it('has to be begun, and lately', async () => {
    const ann = await aPerson(app)
    await post('/auth/totp/confirm', ann.accessToken, { code: '123456' }).expect(409)
    const { body } = await post('/auth/totp', ann.accessToken, { password: ann.password }).expect(200)
    await users().updateOne(ofId(ann.id), { $set: { 'totpPending.at': new Date(Date.now() - 15 * 60_000 - 1000) } })
    await post('/auth/totp/confirm', ann.accessToken, { code: codeAt(body.secret) }).expect(409)
  })

  it.each(['12345', '1234567', 'abcdef', 123_456, { $gt: '' }])('refuses %j for a code', async (code) => {
    const ann = await aPerson(app)
    await post('/auth/totp/confirm', ann.accessToken, { code }).expect(400)
  })
})

describe('signing in with an authenticator', () => {
  it('says what is missing to who knows the password, and to nobody else', async () => {
    const { ann } = await withTotp()
    const missing = await login({ phone: ann.phone, password: ann.password }).expect(401)
    expect(missing.body.code).toBe('totp_required')
    const wrong = await login({ phone: ann.phone, password: aPassword() }).expect(401)
    expect(wrong.body.code).toBe('invalid_credentials')
  })

  it('takes the code of this moment, once', async () => {
    const { ann, secret } = await withTotp()
    const body = { phone: ann.phone, password: ann.password }
    await forgetUse(ann.id)
    const totp = codeAt(secret)
    await login({ ...body, totp }).expect(200)
    const again = await login({ ...body, totp }).expect(401)
    expect(again.body.code).toBe('invalid_credentials')
    await login({ ...body, totp: wrongCode(secret) }).expect(401)
  })

  it('takes a code once, of ten at the same moment', async () => {
    const { ann, secret } = await withTotp()
    await forgetUse(ann.id)
    const body = { phone: ann.phone, password: ann.password, totp: codeAt(secret) }
    const answers = await Promise.all(Array.from({ length: 10 }, () => login(body)))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, ...Array<number>(9).fill(401)])
  })

  it('takes no code before the one that was used last', async () => {
    const { ann, secret } = await withTotp()
    await forgetUse(ann.id)
    const body = { phone: ann.phone, password: ann.password }
    await login({ ...body, totp: codeAt(secret, 30) }).expect(200)
    await login({ ...body, totp: codeAt(secret) }).expect(401)
  })

  it('takes each recovery code once, however it is typed', async () => {
    const { ann, recoveryCodes } = await withTotp()
    const [first = '', second = ''] = recoveryCodes
    const body = { phone: ann.phone, password: ann.password }
    await login({ ...body, totp: first }).expect(200)
    await login({ ...body, totp: first }).expect(401)
    await login({ ...body, totp: ` ${second.toLowerCase().replaceAll('-', ' ')}` }).expect(200)
    const answers = await Promise.all(Array.from({ length: 5 }, () => login({ ...body, totp: recoveryCodes[2] })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    await login({ ...body, totp: 'AAAA-AAAA-AAAA-AAAA' }).expect(401)
  })

  it('is locked by wrong codes, as by wrong passwords, and not by missing ones', async () => {
    const strict = await startTestApp({ MAX_LOGIN_ATTEMPTS: '5' })
    onTestFinished(() => strict.close())
    const ann = await aPerson(strict)
    const body = { phone: ann.phone, password: ann.password }
    const { body: begun } = await post('/auth/totp', ann.accessToken, { password: ann.password }, strict).expect(200)
    await post('/auth/totp/confirm', ann.accessToken, { code: codeAt(begun.secret) }, strict).expect(200)
    for (let n = 0; n < 7; n++) expect((await login(body, strict).expect(401)).body.code).toBe('totp_required')
    for (let n = 0; n < 5; n++) await login({ ...body, totp: wrongCode(begun.secret) }, strict).expect(401)
    await users(strict).updateOne(ofId(ann.id), { $set: { 'totp.lastStep': 0 } })
    const locked = await login({ ...body, totp: codeAt(begun.secret) }, strict).expect(401)
    expect(locked.body.code).toBe('invalid_credentials')
    expect(Number(locked.headers['retry-after'])).toBeGreaterThan(1700)
  })

  it('goes on after the key of tokens was replaced', async () => {
    const { ann, secret } = await withTotp()
    await forgetUse(ann.id)
    const { uri } = app.context.config.mongo
    const settings = { MONGO_URI: uri, JWT_SECRET: `${app.secret} another`, JWT_PREVIOUS_SECRETS: app.secret }
    const replaced = await startTestApp(settings)
    onTestFinished(() => replaced.close())
    await login({ phone: ann.phone, password: ann.password, totp: codeAt(secret) }, replaced).expect(200)
  })
})

describe('removing an authenticator', () => {
  it('needs the password and a code, and asks for none from then on', async () => {
    const { ann, secret, recoveryCodes } = await withTotp()
    await forgetUse(ann.id)
    await remove(ann.accessToken, { password: aPassword(), code: codeAt(secret) }).expect(401)
    await remove(ann.accessToken, { password: ann.password, code: wrongCode(secret) }).expect(401)
    await remove(ann.accessToken, { code: codeAt(secret) }).expect(401)
    await remove(ann.accessToken, { password: ann.password }).expect(400)
    await remove(ann.accessToken, { password: ann.password, code: recoveryCodes[0] ?? '' }).expect(204)
    await login({ phone: ann.phone, password: ann.password }).expect(200)
    await remove(ann.accessToken, { password: ann.password, code: codeAt(secret) }).expect(409)
  })

  it('is noted, as setting it up is', async () => {
    const { ann, secret } = await withTotp()
    await forgetUse(ann.id)
    await remove(ann.accessToken, { password: ann.password, code: codeAt(secret) }).expect(204)
    const entries = await app.context.mongo.connection.collection('audit').find({ 'actor.id': ann.id }).toArray()
    const told = entries.map(({ action, outcome }) => `${action} ${outcome}`)
    expect(told).toEqual(expect.arrayContaining(['totp.enabled done', 'totp.disabled done']))
  })
})

describe('an administrator who has to have an authenticator', () => {
  it('can do nothing but set it up, and then all', async () => {
    const strict = await startTestApp({ ADMIN_TOTP: 'required' })
    onTestFinished(() => strict.close())
    const admin = await aPerson(strict)
    await users(strict).updateOne(ofId(admin.id), { $set: { role: 'admin', mustChangePassword: true } })
    const { body } = await login({ phone: admin.phone, password: admin.password }, strict).expect(200)
    const get = (path: string, accessToken: string) => strict.request.get(`/api/v1${path}`).auth(accessToken, { type: 'bearer' })
    const refreshed = async (refreshToken: string) =>
      (await strict.request.post('/api/v1/auth/refresh').send({ refreshToken }).expect(200)).body
    expect((await get('/admin/users', body.accessToken).expect(403)).body.code).toBe('password_change_required')
    await strict.request
      .put('/api/v1/auth/password')
      .auth(body.accessToken, { type: 'bearer' })
      .send({ currentPassword: admin.password, newPassword: `${admin.password} 2` })
      .expect(204)
    const changed = await refreshed(body.refreshToken)
    for (const path of ['/admin/users', '/conversations', '/sessions']) {
      expect((await get(path, changed.accessToken).expect(403)).body.code).toBe('totp_setup_required')
    }
    await get('/users/me', changed.accessToken).expect(200)
    const password = `${admin.password} 2`
    const { body: begun } = await post('/auth/totp', changed.accessToken, { password }, strict).expect(200)
    await post('/auth/totp/confirm', changed.accessToken, { code: codeAt(begun.secret) }, strict).expect(200)
    const free = await refreshed(changed.refreshToken)
    await get('/admin/users', free.accessToken).expect(200)
    const kept = await strict.request
      .delete('/api/v1/auth/totp')
      .auth(free.accessToken, { type: 'bearer' })
      .send({ password, code: codeAt(begun.secret, 30) })
    expect(kept.status).toBe(403)
    const other = await aPerson(strict)
    await other.get('/conversations').expect(200)
  })
})
