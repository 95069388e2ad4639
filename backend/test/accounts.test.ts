import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aPassword, aPerson, aPhone } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

const register = (body: object) => app.request.post('/api/v1/auth/register').send(body)
const login = (body: object) => app.request.post('/api/v1/auth/login').send(body)
const refresh = (refreshToken: string) => app.request.post('/api/v1/auth/refresh').send({ refreshToken })
const me = (accessToken: string) => app.request.get('/api/v1/users/me').auth(accessToken, { type: 'bearer' })
const somebody = (given: object = {}) => ({ phone: aPhone(), password: aPassword(), name: 'Ann', ...given })
const pathsOf = (body: { errors: { path: string }[] }) => new Set(body.errors.map(({ path }) => path))

const id = expect.stringMatching(/^[0-9a-f]{24}$/)
/** What somebody has who has only just come. */
const unset = {
  about: null,
  avatarUploadId: null,
  email: null,
  verified: { phone: false, email: false },
  settings: { presence: true, findableByPhone: true, readReceipts: true },
  mustChangePassword: false,
  version: 1,
}
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)

describe('registering', () => {
  it('makes an account and signs in', async () => {
    const phone = aPhone()
    const device = { name: 'G\u00e9rard’s phone', platform: 'android', appVersion: '1.2.3' }
    const sent = { ...device, name: device.name.normalize('NFD'), pushToken: 'of a provider' }
    const { body } = await register(somebody({ phone, device: sent })).expect(201)
    expect(body).toEqual({
      user: { ...unset, id, name: 'Ann', phone, createdAt: time },
      accessToken: expect.any(String),
      expiresIn: 900,
      refreshToken: expect.any(String),
      session: { id, device, ip: '127.0.0.1', place: 'unknown', createdAt: time, lastSeenAt: time, current: true },
    })
    expect((await me(body.accessToken).expect(200)).body).toEqual(body.user)
  })

  it('says 409 where the phone has an account', async () => {
    const { phone } = await aPerson(app)
    const answer = await register(somebody({ phone })).expect(409)
    expect(answer.body.code).toBe('conflict')
  })

  it('makes one account of 200 registrations of a phone at once', async () => {
    const phone = aPhone()
    const body = somebody({ phone })
    const answers = await Promise.all(Array.from({ length: 200 }, () => register(body)))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, ...Array<number>(199).fill(409)])
    expect(await app.context.mongo.connection.collection('users').countDocuments({ phone })).toBe(1)
  })

  it('stores no password and no refresh token', async () => {
    const { id: userId, phone, password, refreshToken } = await aPerson(app)
    const { connection } = app.context.mongo
    const user = await connection.collection('users').findOne({ phone })
    expect(user?.passwordHash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    const session = await connection.collection('sessions').findOne({ userId: user?._id ?? null })
    expect(session?.refreshHash).toMatch(/^[\w-]{43}$/)
    expect(JSON.stringify([user, session])).toContain(userId)
    expect(JSON.stringify([user, session])).not.toContain(password)
    expect(JSON.stringify([user, session])).not.toContain(refreshToken)
  })

  it.each([
    ['national', '015112345678'],
    ['without a plus', '4915112345678'],
    ['with spaces', '+49 1511 2345678'],
    ['too short', '+49151'],
    ['too long', '+4915112345678901'],
    ['of no country', '+99915112345678'],
    ['that nobody can have', '+10000000000'],
    ['with a line break', '+4915112345678\n'],
    ['in other digits', '+٤٩١٥١١٢٣٤٥٦٧٨'],
    ['that is empty', ''],
  ])('refuses a phone %s', async (_name, phone) => {
    const answer = await register(somebody({ phone })).expect(400)
    expect(pathsOf(answer.body)).toEqual(new Set(['body.phone']))
  })

  it.each(['+12125550123', '+447400123456', '+919876543210', '+8613812345678'])('takes a phone of any country: %s', async (phone) => {
    await register(somebody({ phone })).expect(201)
  })

  it('takes two ways to write a phone as one', async () => {
    const { body } = await register(somebody({ phone: aPhone().replace('+49', '+490') })).expect(201)
    expect(body.user.phone).toMatch(/^\+4915112\d{6}$/)
    await register(somebody({ phone: body.user.phone })).expect(409)
    await register(somebody({ phone: body.user.phone.replace('+49', '+490') })).expect(409)
  })

  it.each([' Spaces around 1 ', 'Пароль из 4 букв', '🔑🗝️ Under the mat 7'])('takes the password %j as it is', async (password) => {
    const { body } = await register(somebody({ password })).expect(201)
    await login({ phone: body.user.phone, password }).expect(200)
    await login({ phone: body.user.phone, password: `${password.slice(0, -1)}!` }).expect(401)
  })

  it('takes a password that was typed on another keyboard: NFC', async () => {
    const password = 'Cafe\u0301 au lait 7'
    const { body } = await register(somebody({ password })).expect(201)
    await login({ phone: body.user.phone, password: password.normalize('NFC') }).expect(200)
  })

  const names = ['', '   ', 'x'.repeat(101), '👩‍👩‍👧‍👦'.repeat(101), '\u200b\u200b', 'Ann\u0000', 'Ann\nBob', 'Ann\u2028Bob', '\u3164']
  const deceiving = [
    'Ann\u202egnp',
    '\u2066Ann\u2069',
    'Ann\u200f',
    'An\u200bn',
    'An\u00adn',
    'An\ufeffn',
    'Ann\u200d',
    '\u200cAnn',
    'Ann\u3164',
  ]
  it.each([...names, ...deceiving])('refuses the name %j', async (name) => {
    const answer = await register(somebody({ name })).expect(400)
    expect(pathsOf(answer.body)).toEqual(new Set(['body.name']))
  })

  it.each([
    ['  Ann  ', 'Ann'],
    ['x'.repeat(100), 'x'.repeat(100)],
    ['Zoe\u0308', 'Zoë'],
    ['👩‍🚀', '👩‍🚀'],
    ['👩‍👩‍👧‍👦'.repeat(100), '👩‍👩‍👧‍👦'.repeat(100)],
    ['🏴󠁧󠁢󠁳󠁣󠁴󠁿', '🏴󠁧󠁢󠁳󠁣󠁴󠁿'],
    ['محمد', 'محمد'],
    ['علی‌رضا', 'علی‌رضا'],
  ])('keeps the name %j as %j', async (given, kept) => {
    const { body } = await register(somebody({ name: given })).expect(201)
    expect(body.user.name).toBe(kept)
  })

  it('refuses a name with half a surrogate pair, which nobody could store as it is', async () => {
    const answer = await register(somebody({ name: 'Ann \ud800' })).expect(400)
    expect(pathsOf(answer.body)).toEqual(new Set(['body.name']))
  })
})

describe('a phone that has to be proved', () => {
  let strict: TestApp
  beforeAll(async () => {
    strict = await startTestApp({ PHONE_VERIFICATION: 'required' })
  })
  afterAll(() => strict.close())

  it.each([undefined, 'x'.repeat(43)])('has no account without a good token: %s', async (registrationToken) => {
    const answer = await strict.request.post('/api/v1/auth/register').send(somebody({ registrationToken })).expect(403)
    expect(answer.body.code).toBe('verification_required')
  })
})

it('a registrationToken that is none is refused where none is needed too', async () => {
  const answer = await register(somebody({ registrationToken: 'x'.repeat(43) })).expect(403)
  expect(answer.body.code).toBe('verification_required')
})

describe('signing in', () => {
  it('opens another session', async () => {
    const { id: userId, phone, password, name, refreshToken } = await aPerson(app)
    const { body } = await login({ phone, password }).expect(200)
    expect(body).toMatchObject({ user: { id: userId, phone, name }, expiresIn: 900, session: { id, device: null } })
    expect(body.refreshToken).not.toBe(refreshToken)
    await refresh(refreshToken).expect(200)
  })

  it('answers a wrong password and an unknown phone alike', async () => {
    const { phone } = await aPerson(app)
    const answers = await Promise.all([login({ phone, password: aPassword() }), login({ phone: aPhone(), password: aPassword() })])
    const [known, unknown] = answers.map(({ status, body, headers }) => {
      const { requestId: _, ...problem } = body
      return { status, problem, headers: Object.keys(headers).toSorted() }
    })
    expect(known).toEqual(unknown)
    expect(known).toMatchObject({ status: 401, problem: { code: 'invalid_credentials' } })
  })

  it('tells nobody which phones could be one', async () => {
    for (const phone of ['', 'x', '015112345678']) {
      const answer = await login({ phone, password: 'x' }).expect(401)
      expect(answer.body.code).toBe('invalid_credentials')
    }
  })
})
