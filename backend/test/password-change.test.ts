import { hash } from '@node-rs/argon2'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aPassword, aPerson, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp({ PASSWORD_PREVENT_REUSE_COUNT: '3' })
})
afterAll(() => app.close())

const users = () => app.context.mongo.connection.collection('users')
const ofId = (id: string) => ({ _id: new Types.ObjectId(id) })
const login = (body: object) => app.request.post('/api/v1/auth/login').send(body)
const refresh = (refreshToken: string) => app.request.post('/api/v1/auth/refresh').send({ refreshToken })
const change = (accessToken: string, body: object) =>
  app.request.put('/api/v1/auth/password').auth(accessToken, { type: 'bearer' }).send(body)
const audited = (id: string, action: string) => app.context.mongo.connection.collection('audit').find({ 'actor.id': id, action }).toArray()

describe('changing the password', () => {
  it('makes the new one good, the old one bad, and ends every other session', async () => {
    const ann = await aPerson(app)
    const { body: other } = await login({ phone: ann.phone, password: ann.password }).expect(200)
    const newPassword = aPassword()
    await change(ann.accessToken, { currentPassword: ann.password, newPassword }).expect(204, {})
    await login({ phone: ann.phone, password: ann.password }).expect(401)
    await login({ phone: ann.phone, password: newPassword }).expect(200)
    await ann.get('/users/me').expect(200)
    await refresh(ann.refreshToken).expect(200)
    const me = await app.request.get('/api/v1/users/me').auth(other.accessToken, { type: 'bearer' }).expect(401)
    expect(me.body.code).toBe('session_revoked')
    await refresh(other.refreshToken).expect(401)
    expect(await audited(ann.id, 'password.changed')).toMatchObject([{ outcome: 'done' }])
  })

  it.each([{}, { currentPassword: '' }, { currentPassword: 'wrong' }])('needs the present one: %j', async (given) => {
    const ann = await aPerson(app)
    const answer = await change(ann.accessToken, { ...given, newPassword: aPassword() }).expect(401)
    expect(answer.body.code).toBe('invalid_credentials')
    await login({ phone: ann.phone, password: ann.password }).expect(200)
    expect(await audited(ann.id, 'password.changed')).toMatchObject([{ outcome: 'refused' }])
  })

  it('gives an account its first one', async () => {
    const ann = await aPerson(app)
    await users().updateOne(ofId(ann.id), { $unset: { passwordHash: '', passwordSetAt: '' } })
    await login({ phone: ann.phone, password: ann.password }).expect(401)
    const newPassword = aPassword()
    await change(ann.accessToken, { newPassword }).expect(204)
    await login({ phone: ann.phone, password: newPassword }).expect(200)
  })

  it('holds it to the rules, with what is known of its owner', async () => {
    const ann = await aPerson(app, { name: 'Ann Xqzwvkjpt' })
    const weak = await change(ann.accessToken, { currentPassword: ann.password, newPassword: 'Xqzwvkjpt-1!' }).expect(400)
    expect(weak.body).toMatchObject({ code: 'validation_failed', errors: [{ path: 'body.newPassword', message: 'harder to guess' }] })
    const short = await change(ann.accessToken, { currentPassword: ann.password, newPassword: 'short' }).expect(400)
    expect(short.body.errors.length).toBeGreaterThan(3)
    await login({ phone: ann.phone, password: ann.password }).expect(200)
  })

  it('takes none of the last ones again, and an older one', async () => {
    const ann = await aPerson(app)
    const passwords = [ann.password, aPassword(), aPassword(), aPassword()]
    const [first = '', second = '', third = '', fourth = ''] = passwords
    const to = (currentPassword: string, newPassword: string) => change(ann.accessToken, { currentPassword, newPassword })
    await to(first, first).expect(400)
    await to(first, second).expect(204)
    await to(second, third).expect(204)
    for (const used of [first, second, third]) {
      const answer = await to(third, used).expect(400)
      expect(answer.body.errors).toEqual([{ path: 'body.newPassword', message: 'not one of your last 3' }])
    }
    await to(third, fourth).expect(204)
    await to(fourth, first).expect(204)
    const stored = await users().findOne(ofId(ann.id))
    expect(stored?.formerPasswordHashes).toHaveLength(2)
    expect(JSON.stringify(stored)).not.toContain(fourth)
  })

  it('happens once, of two at the same moment', async () => {
    const ann = await aPerson(app)
    const wanted = [aPassword(), aPassword(), aPassword()]
    const answers = await Promise.all(wanted.map((newPassword) => change(ann.accessToken, { currentPassword: ann.password, newPassword })))
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1)
    const good = await Promise.all(wanted.map((password) => login({ phone: ann.phone, password })))
    expect(good.map(({ status }) => status)).toEqual(answers.map(({ status }) => (status === 204 ? 200 : 401)))
  })

  it('lets no session begin that was decided by the password before', async () => {
    const ann = await aPerson(app)
    const before = await app.context.users.get(ann.id)
    await change(ann.accessToken, { currentPassword: ann.password, newPassword: aPassword() }).expect(204)
    await expect(app.context.sessions.open(before, null)).rejects.toMatchObject({ code: 'session_revoked' })
    const sessions = app.context.mongo.connection.collection('sessions')
    expect(await sessions.countDocuments({ userId: before._id, revokedAt: { $exists: false } })).toBe(1)
  })

  it('leaves no session to who signed in by the old one meanwhile', async () => {
    const ann = await aPerson(app)
    const newPassword = aPassword()
    const changing = change(ann.accessToken, { currentPassword: ann.password, newPassword }).expect(204)
    const signIns = Promise.all(Array.from({ length: 10 }, () => login({ phone: ann.phone, password: ann.password })))
    await changing
    const sessions = (await signIns).filter(({ status }) => status === 200)
    for (const { body } of sessions) await refresh(body.refreshToken).expect(401)
  })

  it.each([
    [{}],
    [{ newPassword: 7 }],
    [{ newPassword: { $gt: '' } }],
    [{ newPassword: 'x'.repeat(2049) }],
    [{ newPassword: 'A', more: 1 }],
  ])('refuses %j', async (body) => {
    const ann = await aPerson(app)
    await change(ann.accessToken, { currentPassword: ann.password, ...body }).expect(400)
  })

  it('is for who is signed in', async () => {
    await app.request.put('/api/v1/auth/password').send({ newPassword: aPassword() }).expect(401)
  })
})

describe('a hash of weaker parameters', () => {
  it('is replaced at the next sign-in, and the password stays good', async () => {
    const ann = await aPerson(app)
    const weak = await hash(ann.password, { memoryCost: 8192, timeCost: 1, parallelism: 1 })
    await users().updateOne(ofId(ann.id), { $set: { passwordHash: weak } })
    await login({ phone: ann.phone, password: aPassword() }).expect(401)
    expect((await users().findOne(ofId(ann.id)))?.passwordHash).toBe(weak)
    await login({ phone: ann.phone, password: ann.password }).expect(200)
    expect((await users().findOne(ofId(ann.id)))?.passwordHash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    await login({ phone: ann.phone, password: ann.password }).expect(200)
  })
})

describe('who must change their password', () => {
  const mustChange = async (person: Person, fields: object): Promise<{ accessToken: string; refreshToken: string }> => {
    await users().updateOne(ofId(person.id), { $set: fields })
    return (await login({ phone: person.phone, password: person.password }).expect(200)).body
  }

  it('can sign in, and do nothing else until they have; then all', async () => {
    const ann = await aPerson(app)
    const { accessToken, refreshToken } = await mustChange(ann, { mustChangePassword: true })
    const ask = (method: 'get' | 'post', path: string) => app.request[method](path).auth(accessToken, { type: 'bearer' }).send({})
    for (const [method, path] of [
      ['get', '/api/v1/conversations'],
      ['get', '/api/v1/sync'],
      ['post', '/api/v1/sse/ticket'],
      ['get', '/sse'],
      ['post', '/api/v1/auth/totp'],
    ] as const) {
      const answer = await ask(method, path).expect(403)
      expect(answer.body.code).toBe('password_change_required')
    }
    await ask('get', '/api/v1/users/me').expect(200)
    await change(accessToken, { currentPassword: ann.password, newPassword: ann.password }).expect(400)
    const newPassword = aPassword()
    await change(accessToken, { currentPassword: ann.password, newPassword }).expect(204)
    const { body } = await refresh(refreshToken).expect(200)
    await app.request.get('/api/v1/conversations').auth(body.accessToken, { type: 'bearer' }).expect(200)
    const again = await login({ phone: ann.phone, password: newPassword }).expect(200)
    await app.request.get('/api/v1/conversations').auth(again.body.accessToken, { type: 'bearer' }).expect(200)
  })

  it('is not let go by a refresh alone', async () => {
    const ann = await aPerson(app)
    const { refreshToken } = await mustChange(ann, { mustChangePassword: true })
    const { body } = await refresh(refreshToken).expect(200)
    await app.request.get('/api/v1/conversations').auth(body.accessToken, { type: 'bearer' }).expect(403)
    await app.request.post('/api/v1/auth/logout').auth(body.accessToken, { type: 'bearer' }).expect(204)
  })

  it('is also who has an old one, where passwords may not become old', async () => {
    const strict = await startTestApp({ PASSWORD_MAX_AGE_DAYS: '90' })
    try {
      const ann = await aPerson(strict)
      await ann.get('/conversations').expect(200)
      const old = new Date(Date.now() - 90 * 86_400_000 - 1000)
      await strict.context.mongo.connection.collection('users').updateOne(ofId(ann.id), { $set: { passwordSetAt: old } })
      const again = await strict.request.post('/api/v1/auth/login').send({ phone: ann.phone, password: ann.password }).expect(200)
      const ask = () => strict.request.get('/api/v1/conversations').auth(again.body.accessToken, { type: 'bearer' })
      expect((await ask().expect(403)).body.code).toBe('password_change_required')
    } finally {
      await strict.close()
    }
  })
})
