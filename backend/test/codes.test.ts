import { Secret, TOTP } from 'otpauth'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { aCode, codeIn, notThis, sentTo } from './support/codes.js'
import { aPerson, aPhone, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

const start = (body: object) => app.request.post('/api/v1/auth/otp/start').send(body)
const verify = (body: object) => app.request.post('/api/v1/auth/otp/verify').send(body)
const login = ({ phone, password }: Person) => app.request.post('/api/v1/auth/login').send({ phone, password })
const stored = (name: string) => app.context.mongo.connection.collection(name)
const codeOf = (phone: string) => stored('codes').findOne({ _id: `phone:${phone}` as never })
const change = (phone: string, set: object) => stored('codes').updateOne({ _id: `phone:${phone}` as never }, { $set: set })
const auditOf = (filter: object) => stored('audit').find(filter).toArray()

describe('asking for a code', () => {
  it('sends six digits to the phone, and says for how long they are good', async () => {
    const phone = aPhone()
    const { body } = await start({ phone }).expect(202)
    expect(body).toEqual({ expiresIn: 300 })
    expect(sentTo(app, phone)).toEqual([expect.stringMatching(/^\d{6} is your Heliograph code\. It is good for 5 minutes\. /)])
  })

  it('answers the same, and does the same, whether the phone has an account or not', async () => {
    const { phone } = await aPerson(app)
    const answers = await Promise.all([start({ phone }), start({ phone: aPhone() })])
    const [known, unknown] = answers.map(({ status, body, headers }) => ({ status, body, headers: Object.keys(headers).toSorted() }))
    expect(known).toEqual(unknown)
    expect(sentTo(app, phone)).toHaveLength(1)
  })

  it('keeps no code as it is', async () => {
    const phone = aPhone()
    const code = await aCode(app, phone)
    expect(JSON.stringify(await codeOf(phone))).not.toContain(code)
    expect(await codeOf(phone)).toMatchObject({ hash: expect.stringMatching(/^[\w-]{43}$/), triesLeft: 5 })
  })

  it('makes the code before worthless', async () => {
    const phone = aPhone()
    const first = await aCode(app, phone)
    let second = await aCode(app, phone)
    while (second === first) second = await aCode(app, phone)
    await verify({ phone, code: first }).expect(401)
    await verify({ phone, code: second }).expect(200)
  })

  it('fifty times at the same moment leaves one code', async () => {
    const phone = aPhone()
    const answers = await Promise.all(Array.from({ length: 50 }, () => start({ phone })))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))
    expect(await stored('codes').countDocuments({ _id: `phone:${phone}` as never })).toBe(1)
  })

  it.each([{}, { phone: 'x' }, { phone: '015112345678' }, { phone: 7 }, { phone: { $gt: '' } }, { phone: '+4915112345678', x: 1 }])(
    'refuses %j',
    async (body) => {
      expect((await start(body).expect(400)).body.code).toBe('validation_failed')
    },
  )

  it('is refused by a production server that has no SMS provider', async () => {
    const production = await startTestApp({ NODE_ENV: 'production', MONGO_URI: app.context.config.mongo.uri })
    onTestFinished(() => production.close())
    const phone = aPhone()
    const answer = await production.request.post('/api/v1/auth/otp/start').send({ phone }).expect(503)
    expect(answer.body.code).toBe('service_unavailable')
    expect(production.sent).toEqual([])
  })
})

describe('a code', () => {
  it('signs in the account of the phone', async () => {
    const person = await aPerson(app)
    const device = { name: 'Ann’s phone', platform: 'android' }
    const { body } = await verify({ phone: person.phone, code: await aCode(app, person.phone), device }).expect(200)
    expect(body).toMatchObject({ user: { id: person.id, phone: person.phone }, expiresIn: 900, session: { device } })
    await app.request.get('/api/v1/users/me').auth(body.accessToken, { type: 'bearer' }).expect(200)
    await expect.poll(() => auditOf({ action: 'login', outcome: 'done', 'actor.id': person.id, 'detail.by': 'code' })).toHaveLength(1)
  })

  it('gives who has no account a token that proves the phone: for ten minutes, once, for this phone', async () => {
    const phone = aPhone()
    const { body } = await verify({ phone, code: await aCode(app, phone) }).expect(200)
    expect(body).toEqual({ registrationToken: expect.stringMatching(/^[\w-]{43}$/), expiresIn: 600 })
    const kept = await stored('one_time_tokens').findOne({ of: phone })
    expect(JSON.stringify(kept)).not.toContain(body.registrationToken)
    const { oneTimeTokens } = app.context
    expect(await oneTimeTokens.redeem('registration', body.registrationToken, aPhone())).toBeUndefined()
    expect(await oneTimeTokens.redeem('email', body.registrationToken, phone)).toBeUndefined()
    const redeemed = await Promise.all(
      Array.from({ length: 20 }, () => oneTimeTokens.redeem('registration', body.registrationToken, phone)),
    )
    expect(redeemed.filter(Boolean)).toEqual([expect.objectContaining({ of: phone })])
  })

  it('registers a phone that is proved then', async () => {
    const phone = aPhone()
    const { body } = await verify({ phone, code: await aCode(app, phone) }).expect(200)
    const register = (given: string) => {
      const somebody = { phone: given, name: 'Ann', registrationToken: body.registrationToken }
      return app.request.post('/api/v1/auth/register').send(somebody)
    }
    expect((await register(aPhone()).expect(403)).body.code).toBe('verification_required')
    await register(phone).expect(201)
    expect(await stored('users').findOne({ phone })).toMatchObject({ phoneVerifiedAt: expect.any(Date) })
    expect(await app.context.oneTimeTokens.find('registration', body.registrationToken)).toBeUndefined()
  })

  it('is good once', async () => {
    const { phone } = await aPerson(app)
    const code = await aCode(app, phone)
    await verify({ phone, code }).expect(200)
    await verify({ phone, code }).expect(401)
  })

  it('signs in once, however many use it at the same moment', async () => {
    const { phone } = await aPerson(app)
    const code = await aCode(app, phone)
    const answers = await Promise.all(Array.from({ length: 200 }, () => verify({ phone, code })))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, ...Array<number>(199).fill(401)])
  })

  it('is worthless after five wrong tries', async () => {
    const { phone } = await aPerson(app)
    const code = await aCode(app, phone)
    for (let tries = 0; tries < 4; tries++) await verify({ phone, code: notThis(code) }).expect(401)
    expect(await codeOf(phone)).toMatchObject({ triesLeft: 1 })
    await verify({ phone, code: notThis(code) }).expect(401)
    await verify({ phone, code }).expect(401)
  })

  it('is good for the fifth try', async () => {
    const { phone } = await aPerson(app)
    const code = await aCode(app, phone)
    for (let tries = 0; tries < 4; tries++) await verify({ phone, code: notThis(code) }).expect(401)
    await verify({ phone, code }).expect(200)
  })

  it('bears five tries of a hundred at the same moment', async () => {
    const phone = aPhone()
    const code = await aCode(app, phone)
    await change(phone, { triesLeft: 1_000_000 })
    await Promise.all(Array.from({ length: 100 }, () => verify({ phone, code: notThis(code) })))
    expect(await codeOf(phone)).toMatchObject({ triesLeft: 1_000_000 - 100 }) // none is lost
    await change(phone, { triesLeft: 5 })
    const guesses = Array.from({ length: 100 }, () => verify({ phone, code: notThis(code) }))
    expect(new Set((await Promise.all(guesses)).map(({ status }) => status))).toEqual(new Set([401]))
    expect(await codeOf(phone)).toMatchObject({ triesLeft: 0 })
    await verify({ phone, code }).expect(401)
  })

  it('is good for five minutes', async () => {
    const { phone } = await aPerson(app)
    const code = await aCode(app, phone)
    const minutes = ((await codeOf(phone))?.['expiresAt'].getTime() - Date.now()) / 60_000
    expect(minutes).toBeGreaterThan(4)
    expect(minutes).toBeLessThanOrEqual(5)
    await change(phone, { expiresAt: new Date(Date.now() - 1) })
    await verify({ phone, code }).expect(401)
  })

  it('of another phone is wrong', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    await aCode(app, ann.phone)
    const code = await aCode(app, bob.phone)
    if (code !== codeIn(app, ann.phone)) await verify({ phone: ann.phone, code }).expect(401)
    await change(ann.phone, { hash: (await codeOf(bob.phone))?.['hash'] })
    await verify({ phone: ann.phone, code }).expect(401) // a hash is of its phone alone
  })

  it('that is wrong, used, too old, tried too often or was never asked for is answered alike', async () => {
    const phones = await Promise.all(Array.from({ length: 5 }, async () => (await aPerson(app)).phone))
    const [wrong = '', used = '', old = '', tried = '', none = ''] = phones
    const codes = await Promise.all([wrong, used, old, tried].map((phone) => aCode(app, phone)))
    await verify({ phone: used, code: codes[1] }).expect(200)
    await change(old, { expiresAt: new Date(0) })
    await change(tried, { triesLeft: 0 })
    const answers = await Promise.all([
      verify({ phone: wrong, code: notThis(codes[0] ?? '') }),
      verify({ phone: used, code: codes[1] }),
      verify({ phone: old, code: codes[2] }),
      verify({ phone: tried, code: codes[3] }),
      verify({ phone: none, code: '123456' }),
      verify({ phone: aPhone(), code: '123456' }),
      verify({ phone: 'x', code: '123456' }),
    ])
    const shown = answers.map(({ status, body: { requestId: _, ...problem }, headers }) => ({
      status,
      problem,
      headers: Object.keys(headers),
    }))
    expect(shown[0]).toMatchObject({ status: 401, problem: { code: 'invalid_credentials' } })
    for (const answer of shown) expect(answer).toEqual(shown[0])
  })

  it('that is refused is in the audit log, without the phone', async () => {
    const phone = aPhone()
    await verify({ phone, code: '123456' }).set('User-Agent', 'guesser/1').expect(401)
    const entries = await auditOf({ action: 'login', outcome: 'refused', 'origin.userAgent': 'guesser/1' })
    expect(entries).toHaveLength(1)
    expect(JSON.stringify(entries)).not.toContain(phone)
  })

  it.each([
    {},
    { phone: '+4915112345678' },
    { phone: '+4915112345678', code: 123456 },
    { phone: '+4915112345678', code: '12345' },
    { phone: '+4915112345678', code: '1234567' },
    { phone: '+4915112345678', code: '١٢٣٤٥٦' },
    { phone: '+4915112345678', code: { $ne: '' } },
    { phone: { $ne: '' }, code: '123456' },
    { phone: '+4915112345678', code: '123456', admin: true },
    { phone: '+4915112345678', code: '123456', device: { name: '' } },
  ])('is not read from %j', async (body) => {
    expect((await verify(body).expect(400)).body.code).toBe('validation_failed')
  })
})

describe('an account whose phone was never proved', () => {
  it('loses its password and its sessions to who proves the phone', async () => {
    const squatter = await aPerson(app)
    await stored('users').updateOne(
      { phone: squatter.phone },
      { $set: { email: `${squatter.id}@example.com`, emailVerifiedAt: new Date(), pendingEmail: 'x@example.com' } },
    )
    const mailed = await app.context.oneTimeTokens.issue('password_reset', squatter.id)
    const { body } = await verify({ phone: squatter.phone, code: await aCode(app, squatter.phone) }).expect(200)
    expect(body.user.id).toBe(squatter.id)

    await login(squatter).expect(401)
    expect((await squatter.get('/users/me').expect(401)).body.code).toBe('session_revoked')
    await app.request.post('/api/v1/auth/refresh').send({ refreshToken: squatter.refreshToken }).expect(401)
    await app.request.get('/api/v1/users/me').auth(body.accessToken, { type: 'bearer' }).expect(200)

    const user = await stored('users').findOne({ phone: squatter.phone })
    expect(user).toMatchObject({ phoneVerifiedAt: expect.any(Date) })
    for (const field of ['passwordHash', 'email', 'emailVerifiedAt', 'pendingEmail']) expect(user).not.toHaveProperty(field)
    expect(await app.context.oneTimeTokens.find('password_reset', mailed)).toBeUndefined()
    expect(await auditOf({ action: 'phone.proved', 'actor.id': squatter.id })).toHaveLength(1)
  })

  it('loses at the next proof what a worker that died left it', async () => {
    const squatter = await aPerson(app)
    await stored('users').updateOne({ phone: squatter.phone }, { $unset: { passwordHash: '' } }) // as far as it came
    await verify({ phone: squatter.phone, code: await aCode(app, squatter.phone) }).expect(200)
    expect((await squatter.get('/users/me').expect(401)).body.code).toBe('session_revoked')
  })

  it('keeps them once it is proved', async () => {
    const person = await aPerson(app)
    await stored('users').updateOne({ phone: person.phone }, { $set: { phoneVerifiedAt: new Date() } })
    await verify({ phone: person.phone, code: await aCode(app, person.phone) }).expect(200)
    await person.get('/users/me').expect(200)
    await login(person).expect(200)
  })

  it('is an administrator’s only by the word of an operator, and keeps what opens it', async () => {
    const admin = await aPerson(app)
    await stored('users').updateOne({ phone: admin.phone }, { $set: { role: 'admin' } })
    await verify({ phone: admin.phone, code: await aCode(app, admin.phone) }).expect(200)
    expect(await stored('users').findOne({ phone: admin.phone })).toMatchObject({ phoneVerifiedAt: expect.any(Date) })
    await login(admin).expect(200)
  })

  it('loses nothing to a wrong code', async () => {
    const person = await aPerson(app)
    await verify({ phone: person.phone, code: notThis(await aCode(app, person.phone)) }).expect(401)
    await login(person).expect(200)
    await person.get('/users/me').expect(200)
  })
})

describe('an account with an authenticator', () => {
  const withTotp = async (): Promise<Person & { totp: () => string }> => {
    const person = await aPerson(app)
    const { body: begun } = await person.post('/auth/totp', { password: person.password }).expect(200)
    const totp = () => new TOTP({ secret: Secret.fromBase32(begun.secret) }).generate()
    await person.post('/auth/totp/confirm', { code: totp() }).expect(200)
    await stored('users').updateOne({ phone: person.phone }, { $set: { 'totp.lastStep': 0 } }) // as if that were long ago
    return { ...person, totp }
  }
  const prove = ({ phone }: Person) => stored('users').updateOne({ phone }, { $set: { phoneVerifiedAt: new Date() } })

  it('is signed in to by both codes; the one of the SMS is not used up while the other is missing', async () => {
    const person = await withTotp()
    await prove(person)
    const { phone } = person
    const code = await aCode(app, phone)
    expect((await verify({ phone, code }).expect(401)).body.code).toBe('totp_required')
    expect((await verify({ phone, code, totp: notThis(person.totp()) }).expect(401)).body.code).toBe('invalid_credentials')
    await verify({ phone, code, totp: person.totp() }).expect(200)
  })

  it('says that it has one to nobody whose code is wrong', async () => {
    const person = await withTotp()
    await prove(person)
    const code = notThis(await aCode(app, person.phone))
    expect((await verify({ phone: person.phone, code }).expect(401)).body.code).toBe('invalid_credentials')
  })

  it('bears five tries, right codes of the SMS among them', async () => {
    const person = await withTotp()
    await prove(person)
    const code = await aCode(app, person.phone)
    for (let tries = 0; tries < 5; tries++) await verify({ phone: person.phone, code, totp: notThis(person.totp()) }).expect(401)
    await verify({ phone: person.phone, code, totp: person.totp() }).expect(401)
  })

  it('loses it to who proves a phone that nobody had proved', async () => {
    const squatter = await withTotp()
    await verify({ phone: squatter.phone, code: await aCode(app, squatter.phone) }).expect(200)
    expect(await stored('users').findOne({ phone: squatter.phone })).not.toHaveProperty('totp')
  })
})

it('logs hold no code, no registration token and no phone, however much is logged', async () => {
  const logging = await startTestApp({ LOG_LEVEL: 'trace' })
  onTestFinished(() => logging.close())
  const phone = aPhone()
  const code = await aCode(logging, phone)
  const path = '/api/v1/auth/otp/verify'
  await logging.request
    .post(path)
    .send({ phone, code: notThis(code) })
    .expect(401)
  const { body } = await logging.request.post(path).send({ phone, code }).expect(200)
  await expect.poll(() => logging.logs.filter((line) => line.includes('/auth/otp/')).length).toBe(3)
  const log = logging.logs.join('')
  for (const secret of [phone, body.registrationToken]) expect(log).not.toContain(secret)
  expect(log).not.toMatch(new RegExp(`\\b${code}\\b`))
})
