import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { aCode, codeIn, notThis, sentTo } from './support/codes.js'
import { aStream } from './support/listening.js'
import { startMailServer } from './support/mail-server.js'
import { aPassword, aPerson, aPhone, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp({ FRONTEND_URL: 'https://chat.example.com/' })
})
afterAll(() => app.close())

const post = (path: string, body: object) => app.request.post(`/api/v1${path}`).send(body)
const put = (person: Person, path: string, body: object) =>
  app.request.put(`/api/v1${path}`).auth(person.accessToken, { type: 'bearer' }).send(body)
const login = (phone: string, password: string) => post('/auth/login', { phone, password })
const forgot = (body: object) => post('/auth/password/forgot', body)
const reset = (body: object) => post('/auth/password/reset', body)
const verifyEmail = (token: string) => post('/auth/email/verify', { token })

const stored = (name: string) => app.context.mongo.connection.collection(name)
const userOf = ({ phone }: Person) => stored('users').findOne({ phone })
const proveBySetting = ({ phone }: Person) => stored('users').updateOne({ phone }, { $set: { phoneVerifiedAt: new Date() } })
const auditOf = (filter: object) => stored('audit').find(filter).toArray()

let lastAddress = 0
const anAddress = () => `person-${(lastAddress += 1)}@example.com`
/** The token of the newest link to a page. */
const tokenIn = (to: string, page: string): string => {
  const link = new RegExp(`https://chat\\.example\\.com/${page}\\?token=([\\w-]{43})\\n`)
  const tokens = sentTo(app, to).flatMap((mail) => link.exec(mail)?.[1] ?? [])
  const token = tokens.at(-1)
  if (token === undefined) throw new Error(`No link to ${page} was sent to ${to}`)
  return token
}
/** Proves an address. */
const withEmail = async (person: Person, email = anAddress()): Promise<string> => {
  await put(person, '/auth/email', { email }).expect(202)
  await verifyEmail(tokenIn(email, 'verify-email')).expect(204)
  return email
}

describe('an e-mail address', () => {
  it('is one’s own once the link that was sent to it came back, not before', async () => {
    const [person, email] = [await aPerson(app), anAddress()]
    await put(person, '/auth/email', { email }).expect(202)
    expect(await userOf(person)).toMatchObject({ pendingEmail: email })
    expect(await userOf(person)).not.toHaveProperty('email')
    await verifyEmail(tokenIn(email, 'verify-email')).expect(204)
    const user = await userOf(person)
    expect(user).toMatchObject({ email, emailVerifiedAt: expect.any(Date) })
    expect(user).not.toHaveProperty('pendingEmail')
    expect(await auditOf({ action: 'email.changed', 'actor.id': person.id })).toHaveLength(1)
  })

  it('is shown to oneself alone, and to all of one’s devices at once', async () => {
    const person = await aPerson(app)
    expect((await person.get('/users/me').expect(200)).body).toMatchObject({ email: null, verified: { phone: false, email: false } })
    const stream = await aStream(person, app)
    const email = await withEmail(person)
    const { data } = await stream.waitFor(({ event }) => event === 'user.updated', 30_000)
    expect(data).toMatchObject({ user: { id: person.id, email, verified: { phone: false, email: true } } })
    expect((await person.get('/users/me').expect(200)).body).toMatchObject({ email, verified: { phone: false, email: true } })
    const other = await aPerson(app)
    expect(JSON.stringify((await other.get(`/users/${person.id}`).expect(200)).body)).not.toContain(email)
  })

  it('signs in with the password, once it is proved', async () => {
    const person = await aPerson(app)
    const email = await withEmail(person)
    const { body } = await post('/auth/login', { email, password: person.password }).expect(200)
    expect(body.user.id).toBe(person.id)
  })

  it('is kept in lower case', async () => {
    const [person, email] = [await aPerson(app), anAddress()]
    await put(person, '/auth/email', { email: email.toUpperCase() }).expect(202)
    expect(sentTo(app, email)).toHaveLength(1)
  })

  it('is proved by a link once, however often it is opened at the same moment', async () => {
    const [person, email] = [await aPerson(app), anAddress()]
    await put(person, '/auth/email', { email }).expect(202)
    const token = tokenIn(email, 'verify-email')
    const answers = await Promise.all(Array.from({ length: 20 }, () => verifyEmail(token)))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, ...Array<number>(19).fill(401)])
  })

  it('is not proved by the link to another one that was given before', async () => {
    const [person, first, second] = [await aPerson(app), anAddress(), anAddress()]
    await put(person, '/auth/email', { email: first }).expect(202)
    await put(person, '/auth/email', { email: second }).expect(202)
    await verifyEmail(tokenIn(first, 'verify-email')).expect(401)
    await verifyEmail(tokenIn(second, 'verify-email')).expect(204)
    expect(await userOf(person)).toMatchObject({ email: second })
  })

  it('is not proved after a day, nor by a token that is not stored as it is', async () => {
    const [person, email] = [await aPerson(app), anAddress()]
    await put(person, '/auth/email', { email }).expect(202)
    const token = tokenIn(email, 'verify-email')
    const kept = await stored('one_time_tokens').findOne({ purpose: 'email', of: person.id })
    expect(JSON.stringify(kept)).not.toContain(token)
    const hours = (kept?.['expiresAt'].getTime() - Date.now()) / 3_600_000
    expect(hours).toBeGreaterThan(23)
    expect(hours).toBeLessThanOrEqual(24)
    await verifyEmail(kept?.['hash']).expect(401)
    await stored('one_time_tokens').updateOne({ of: person.id, purpose: 'email' }, { $set: { expiresAt: new Date(Date.now() - 1) } })
    expect((await verifyEmail(token).expect(401)).body.code).toBe('invalid_credentials')
  })

  it('that changes is told to the one before', async () => {
    const person = await aPerson(app)
    const [before, after] = [await withEmail(person), await withEmail(person)]
    expect(sentTo(app, before).at(-1)).toContain('Your Heliograph account has another e-mail address')
    expect(sentTo(app, after)).toHaveLength(1)
  })

  it('that is the first one is told to the phone', async () => {
    const person = await aPerson(app)
    await withEmail(person)
    expect(sentTo(app, person.phone)).toEqual([expect.stringContaining('Your Heliograph account has an e-mail address now')])
    await withEmail(person)
    expect(sentTo(app, person.phone)).toHaveLength(1)
  })

  it('belongs to one account, and who asks for another one’s is not told', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    const email = await withEmail(ann)
    await put(bob, '/auth/email', { email }).expect(202)
    const answer = await verifyEmail(tokenIn(email, 'verify-email')).expect(409)
    expect(answer.body.code).toBe('conflict')
    expect(await userOf(ann)).toMatchObject({ email })
    expect(await userOf(bob)).not.toHaveProperty('email')
  })

  it('that many prove at the same moment belongs to one of them', async () => {
    const people = await Promise.all(Array.from({ length: 10 }, () => aPerson(app)))
    const email = anAddress()
    const tokens: string[] = []
    for (const person of people) {
      await put(person, '/auth/email', { email }).expect(202)
      tokens.push(tokenIn(email, 'verify-email'))
    }
    const answers = await Promise.all(tokens.map((token) => verifyEmail(token)))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, ...Array<number>(9).fill(409)])
    expect(await stored('users').countDocuments({ email })).toBe(1)
  })

  it('is not asked for with a wrong password', async () => {
    const [person, email] = [await aPerson(app), anAddress()]
    await put(person, '/auth/email', { email, password: aPassword() }).expect(401)
    expect(sentTo(app, email)).toEqual([])
    expect(await auditOf({ action: 'email.changed', outcome: 'refused', 'actor.id': person.id })).toHaveLength(1)
    await put(person, '/auth/email', { email, password: person.password }).expect(202)
  })

  it('needs somebody who is signed in', async () => {
    await app.request.put('/api/v1/auth/email').send({ email: anAddress() }).expect(401)
  })

  it.each([
    {},
    { email: '' },
    { email: 'ann' },
    { email: 'ann@example' },
    { email: 'ann@example.com, eve@example.com' },
    { email: 'ann@example.com\r\nBcc: eve@example.com' },
    { email: 'Ann <ann@example.com>' },
    { email: `${'a'.repeat(250)}@example.com` },
    { email: 'an\u212A@example.com' },
    { email: { $gt: '' } },
    { email: 'ann@example.com', admin: true },
  ])('is not read from %j', async (body) => {
    expect((await put(await aPerson(app), '/auth/email', body).expect(400)).body.code).toBe('validation_failed')
  })

  it.each([{}, { token: '' }, { token: 7 }, { token: { $gt: '' } }, { token: 'x'.repeat(201) }, { token: 'x', x: 1 }])(
    'is not proved by %j',
    async (body) => {
      expect((await post('/auth/email/verify', body).expect(400)).body.code).toBe('validation_failed')
    },
  )

  it('gets its link by SMTP where a mail server is configured', async () => {
    const server = await startMailServer()
    onTestFinished(() => server.close())
    const mailing = await startTestApp({
      LOG_LEVEL: 'trace',
      SMTP_HOST: '127.0.0.1',
      SMTP_PORT: String(server.port),
      MAIL_FROM: 'Heliograph <noreply@chat.example.com>',
      FRONTEND_URL: 'https://chat.example.com',
    })
    onTestFinished(() => mailing.close())
    const [person, email] = [await aPerson(mailing), anAddress()]
    const path = '/api/v1/auth/email'
    await mailing.request.put(path).auth(person.accessToken, { type: 'bearer' }).send({ email }).expect(202)
    await expect.poll(() => server.mails.length, { timeout: 30_000 }).toBe(1)
    const token = /verify-email\?token=([\w-]{43})/.exec(server.mails[0]?.content ?? '')?.[1] ?? ''
    await mailing.request.post(`${path}/verify`).send({ token }).expect(204)
    await expect.poll(() => mailing.logs.join('')).toContain('/auth/email/verify')
    for (const secret of [token, email]) expect(mailing.logs.join('')).not.toContain(secret)
  })
})

describe('a forgotten password', () => {
  it('is replaced with a code to the phone; every session ends', async () => {
    const person = await aPerson(app)
    await proveBySetting(person)
    const newPassword = aPassword()
    await forgot({ phone: person.phone }).expect(202)
    await reset({ phone: person.phone, code: codeIn(app, person.phone), newPassword }).expect(204)
    expect((await person.get('/users/me').expect(401)).body.code).toBe('session_revoked')
    await login(person.phone, person.password).expect(401)
    await login(person.phone, newPassword).expect(200)
    expect(await auditOf({ action: 'password.reset', outcome: 'done', 'actor.id': person.id })).toHaveLength(1)
  })

  it('is replaced with a link to the e-mail address; every session ends', async () => {
    const person = await aPerson(app)
    const email = await withEmail(person)
    const newPassword = aPassword()
    await forgot({ email: email.toUpperCase() }).expect(202)
    await reset({ token: tokenIn(email, 'reset-password'), newPassword }).expect(204)
    await person.get('/users/me').expect(401)
    await login(person.phone, newPassword).expect(200)
  })

  it('proves a phone that nobody had proved, and takes from the account what else opened it', async () => {
    const squatter = await aPerson(app)
    await withEmail(squatter)
    const newPassword = aPassword()
    await forgot({ phone: squatter.phone }).expect(202)
    await reset({ phone: squatter.phone, code: codeIn(app, squatter.phone), newPassword }).expect(204)
    const user = await userOf(squatter)
    expect(user).toMatchObject({ phoneVerifiedAt: expect.any(Date) })
    expect(user).not.toHaveProperty('email')
    await login(squatter.phone, newPassword).expect(200)
  })

  it('leaves the e-mail address of a phone that was proved', async () => {
    const person = await aPerson(app)
    await proveBySetting(person)
    const email = await withEmail(person)
    await forgot({ phone: person.phone }).expect(202)
    await reset({ phone: person.phone, code: codeIn(app, person.phone), newPassword: aPassword() }).expect(204)
    expect(await userOf(person)).toMatchObject({ email })
  })

  it('is asked for with one answer, whether there is such an account or not; who has none is sent nothing', async () => {
    const person = await aPerson(app)
    const email = await withEmail(person)
    const [unknownPhone, unknownEmail] = [aPhone(), anAddress()]
    const bodies = [{ phone: person.phone }, { phone: unknownPhone }, { phone: 'x' }, { email }, { email: unknownEmail }, { email: 'x' }]
    const shown = (await Promise.all(bodies.map((body) => forgot(body)))).map(({ status, text, headers }) => ({
      status,
      text,
      headers: Object.keys(headers).toSorted(),
    }))
    expect(shown[0]).toMatchObject({ status: 202, text: '' })
    for (const answer of shown) expect(answer).toEqual(shown[0])
    expect(sentTo(app, person.phone)).toHaveLength(2) // of the address, too
    expect(sentTo(app, email)).toHaveLength(2)
    for (const nobody of [unknownPhone, unknownEmail, 'x']) expect(sentTo(app, nobody)).toEqual([])
  })

  it('is not replaced by a code to sign in with, nor signed in with a code to replace it', async () => {
    const { phone } = await aPerson(app)
    const code = await aCode(app, phone)
    await reset({ phone, code, newPassword: aPassword() }).expect(401)
    await forgot({ phone }).expect(202)
    await post('/auth/otp/verify', { phone, code: codeIn(app, phone) === code ? notThis(code) : codeIn(app, phone) }).expect(401)
  })

  it('bears five tries of a hundred at the same moment', async () => {
    const person = await aPerson(app)
    await forgot({ phone: person.phone }).expect(202)
    const code = codeIn(app, person.phone)
    const guess = { phone: person.phone, code: notThis(code), newPassword: aPassword() }
    const answers = await Promise.all(Array.from({ length: 100 }, () => reset(guess)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]))
    await reset({ ...guess, code }).expect(401)
    await login(person.phone, person.password).expect(200)
  })

  it('is replaced once, however many use a code or a link at the same moment', async () => {
    const person = await aPerson(app)
    const email = await withEmail(person)
    await forgot({ phone: person.phone }).expect(202)
    await forgot({ email }).expect(202)
    for (const proof of [{ token: tokenIn(email, 'reset-password') }, { phone: person.phone, code: codeIn(app, person.phone) }]) {
      const answers = await Promise.all(Array.from({ length: 5 }, () => reset({ ...proof, newPassword: aPassword() })))
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 401, 401, 401, 401])
    }
  })

  it('is not replaced by a link that is too old, or of an address that the account has left', async () => {
    const person = await aPerson(app)
    const email = await withEmail(person)
    await forgot({ email }).expect(202)
    await withEmail(person)
    await reset({ token: tokenIn(email, 'reset-password'), newPassword: aPassword() }).expect(401)
    const again = (await userOf(person))?.['email']
    await forgot({ email: again }).expect(202)
    await stored('one_time_tokens').updateOne({ of: person.id, purpose: 'password_reset' }, { $set: { expiresAt: new Date(0) } })
    await reset({ token: tokenIn(again, 'reset-password'), newPassword: aPassword() }).expect(401)
  })

  it('keeps to the rules, and then the code is still good', async () => {
    const { phone } = await aPerson(app)
    await forgot({ phone }).expect(202)
    const code = codeIn(app, phone)
    const answer = await reset({ phone, code, newPassword: 'short' }).expect(400)
    expect(answer.body.errors[0].path).toBe('body.newPassword')
    await reset({ phone, code, newPassword: aPassword() }).expect(204)
  })

  it('is not replaced by one that was used lately, and then the code is still good', async () => {
    const { phone, password } = await aPerson(app)
    await forgot({ phone }).expect(202)
    const code = codeIn(app, phone)
    expect((await reset({ phone, code, newPassword: password }).expect(400)).body.errors[0].path).toBe('body.newPassword')
    await reset({ phone, code, newPassword: aPassword() }).expect(204)
  })

  it('can be set by an account that has none', async () => {
    const squatter = await aPerson(app)
    await post('/auth/otp/verify', { phone: squatter.phone, code: await aCode(app, squatter.phone) }).expect(200)
    const newPassword = aPassword()
    await forgot({ phone: squatter.phone }).expect(202)
    await reset({ phone: squatter.phone, code: codeIn(app, squatter.phone), newPassword }).expect(204)
    await login(squatter.phone, newPassword).expect(200)
  })

  it('is in the audit log where it was refused', async () => {
    await reset({ token: 'x', newPassword: aPassword() }).set('User-Agent', 'guesser/2').expect(401)
    expect(await auditOf({ action: 'password.reset', outcome: 'refused', 'origin.userAgent': 'guesser/2' })).toHaveLength(1)
  })

  it.each([{}, { phone: '+4915112345678', email: 'a@b.example' }, { phone: 7 }, { email: { $gt: '' } }, { email: 'a@b.example', x: 1 }])(
    'is not asked for by %j',
    async (body) => {
      expect((await forgot(body).expect(400)).body.code).toBe('validation_failed')
    },
  )

  it.each([
    {},
    { newPassword: 'signals from 7A!' },
    { token: 'x' },
    { token: 'x', newPassword: 7 },
    { token: { $gt: '' }, newPassword: 'signals from the hill 7A!' },
    { phone: '+4915112345678', newPassword: 'signals from the hill 7A!' },
    { code: '123456', newPassword: 'signals from the hill 7A!' },
    { phone: '+4915112345678', code: '12345', newPassword: 'signals from the hill 7A!' },
    { token: 'x', phone: '+4915112345678', code: '123456', newPassword: 'signals from the hill 7A!' },
    { token: 'x', newPassword: 'signals from the hill 7A!', x: 1 },
  ])('is not replaced by %j', async (body) => {
    expect((await reset(body).expect(400)).body.code).toBe('validation_failed')
  })
})

describe('another phone', () => {
  const change = (person: Person, body: object) => put(person, '/auth/phone', body)

  it('is one’s own by the code that was sent to it, and the one before is told', async () => {
    const [person, phone] = [await aPerson(app), aPhone()]
    const { body } = await change(person, { phone, code: await aCode(app, phone), password: person.password }).expect(200)
    expect(body).toMatchObject({ id: person.id, phone })
    expect(await stored('users').findOne({ phone })).toMatchObject({ phoneVerifiedAt: expect.any(Date) })
    expect(sentTo(app, person.phone)).toEqual([expect.stringContaining('another phone number')])
    await login(phone, person.password).expect(200)
    await login(person.phone, person.password).expect(401)
    expect(await auditOf({ action: 'phone.changed', outcome: 'done', 'actor.id': person.id })).toHaveLength(1)
  })

  it('is not had with a wrong password, and the code stays good', async () => {
    const [person, phone] = [await aPerson(app), aPhone()]
    const code = await aCode(app, phone)
    await change(person, { phone, code, password: aPassword() }).expect(401)
    expect((await change(person, { phone, code }).expect(400)).body.errors[0].path).toBe('body.password')
    await change(person, { phone, code, password: person.password }).expect(200)
    expect(await auditOf({ action: 'phone.changed', outcome: 'refused', 'actor.id': person.id })).toHaveLength(1)
  })

  it('is not had by who guesses the password of somebody whose session they hold', async () => {
    const barring = await startTestApp({ MAX_LOGIN_ATTEMPTS: '5' })
    onTestFinished(() => barring.close())
    const [person, phone] = [await aPerson(barring), aPhone()]
    const code = await aCode(barring, phone)
    const attempt = (password: string) =>
      barring.request.put('/api/v1/auth/phone').auth(person.accessToken, { type: 'bearer' }).send({ phone, code, password })
    for (let tries = 0; tries < 5; tries++) await attempt(aPassword()).expect(401)
    const answer = await attempt(person.password).expect(401)
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(60)
  })

  it('needs no password of an account that has none', async () => {
    const squatter = await aPerson(app)
    const { body } = await post('/auth/otp/verify', { phone: squatter.phone, code: await aCode(app, squatter.phone) }).expect(200)
    const phone = aPhone()
    const code = await aCode(app, phone)
    const owner = { ...squatter, accessToken: body.accessToken }
    await change(owner, { phone, code, password: squatter.password }).expect(401)
    await change(owner, { phone, code }).expect(200)
  })

  it('is not had with a wrong code, one of another phone, or one that was used', async () => {
    const [person, phone, other] = [await aPerson(app), aPhone(), aPhone()]
    const { password } = person
    const code = await aCode(app, phone)
    await change(person, { phone, code: notThis(code), password }).expect(401)
    await change(person, { phone: other, code, password }).expect(401)
    await change(person, { phone, code, password }).expect(200)
    await change(person, { phone, code, password }).expect(401)
  })

  it('that another account has proved stays with it', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    await proveBySetting(bob)
    const answer = await change(ann, { phone: bob.phone, code: await aCode(app, bob.phone), password: ann.password }).expect(409)
    expect(answer.body.code).toBe('conflict')
    await login(bob.phone, bob.password).expect(200)
    await bob.get('/users/me').expect(200)
    await login(ann.phone, ann.password).expect(200)
  })

  it('that another account has without proof goes to who proves it; the other account has nobody who could sign in', async () => {
    const [ann, squatter] = [await aPerson(app), await aPerson(app)]
    const { phone } = squatter
    await change(ann, { phone, code: await aCode(app, phone), password: ann.password }).expect(200)
    expect((await login(phone, ann.password).expect(200)).body.user.id).toBe(ann.id)
    await login(phone, squatter.password).expect(401)
    expect((await squatter.get('/users/me').expect(401)).body.code).toBe('session_revoked')
    const lost = (
      await stored('users')
        .find({ phone: `lost:${squatter.id}` })
        .toArray()
    )[0]
    expect(lost?._id.toHexString()).toBe(squatter.id)
    expect(lost).not.toHaveProperty('passwordHash')
    await login(`lost:${squatter.id}`.slice(0, 20), squatter.password).expect(401)
    expect(await auditOf({ action: 'phone.lost', 'target.id': squatter.id, 'actor.id': ann.id })).toHaveLength(1)
  })

  it('may be the one that one has: it is proved then, and nothing else changes', async () => {
    const person = await aPerson(app)
    const { phone, password } = person
    await change(person, { phone, code: await aCode(app, phone), password }).expect(200)
    expect(await userOf(person)).toMatchObject({ phoneVerifiedAt: expect.any(Date) })
    expect(sentTo(app, phone)).toHaveLength(1) // the code
    await person.get('/users/me').expect(200)
    await login(phone, password).expect(200)
  })

  it('needs somebody who is signed in', async () => {
    await app.request.put('/api/v1/auth/phone').send({ phone: aPhone(), code: '123456', password: aPassword() }).expect(401)
  })

  it.each([
    {},
    { phone: '+4915112345678' },
    { phone: 'x', code: '123456', password: 'x' },
    { phone: '+4915112345678', code: 'x', password: 'x' },
    { phone: { $gt: '' }, code: '123456', password: 'x' },
    { phone: '+4915112345678', code: '123456', password: { $gt: '' } },
    { phone: '+4915112345678', code: '123456', password: 'x', userId: 'x' },
  ])('is not read from %j', async (body) => {
    expect((await change(await aPerson(app), body).expect(400)).body.code).toBe('validation_failed')
  })
})
