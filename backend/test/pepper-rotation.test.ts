import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Types } from 'mongoose'
import { Secret, TOTP } from 'otpauth'
import { describe, expect, inject, it } from 'vitest'
import { aCode } from './support/codes.js'
import { anApp } from './support/listening.js'
import { aPerson, aPhone, type Person } from './support/people.js'
import { anApproved } from './support/qr.js'
import type { TestApp } from './support/test-app.js'

const aSecret = (): string => randomBytes(48).toString('base64url')
const [former, present, formerKey, presentKey] = [aSecret(), aSecret(), aSecret(), aSecret()]
const before = { AUTH_PEPPER: former, JWT_SECRET: formerKey }
const during = { AUTH_PEPPER: present, AUTH_PREVIOUS_PEPPERS: former, JWT_SECRET: presentKey, JWT_PREVIOUS_SECRETS: formerKey }
const after = { AUTH_PEPPER: present, JWT_SECRET: presentKey }

const login = (app: TestApp, { phone, password }: Pick<Person, 'phone' | 'password'>, code?: string) =>
  app.request.post('/api/v1/auth/login').send({ phone, password, ...(code !== undefined && { totp: code }) })
const verify = (app: TestApp, phone: string, code: string) => app.request.post('/api/v1/auth/otp/verify').send({ phone, code })
const userOf = (app: TestApp, { id }: Pick<Person, 'id'>) =>
  app.context.mongo.connection.collection('users').findOne({ _id: new Types.ObjectId(id) })
const codeNow = (secret: string): string => new TOTP({ secret: Secret.fromBase32(secret) }).generate()
/** So that a test needs not wait for the next code. */
const forgetUse = (app: TestApp, { id }: Person) =>
  app.context.mongo.connection.collection('users').updateOne({ _id: new Types.ObjectId(id) }, { $set: { 'totp.lastStep': 0 } })

const withTotp = async (app: TestApp): Promise<Person & { secret: string }> => {
  const person = await aPerson(app)
  const { body } = await person.post('/auth/totp', { password: person.password }).expect(200)
  await person.post('/auth/totp/confirm', { code: codeNow(body.secret) }).expect(200)
  await forgetUse(app, person)
  return { ...person, secret: body.secret }
}

/** `npm run admin -- reseal` at an app's database. */
const reseal = async (app: TestApp, environment: Record<string, string>) => {
  const entry = fileURLToPath(new URL('../dist/admin.js', import.meta.url))
  const env = { PATH: process.env['PATH'], MONGO_URI: app.context.config.mongo.uri, REDIS_URL: inject('redisUrl'), ...environment }
  const child = spawn(process.execPath, [entry, 'reseal'], { env, timeout: 60_000, stdio: ['ignore', 'ignore', 'pipe'] })
  const [errors, [exitCode]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  return { exitCode, errors }
}

/** The same service with other secrets. */
const startedAnew = (app: TestApp, variables: Record<string, string>): Promise<TestApp> =>
  anApp({ MONGO_URI: app.context.config.mongo.uri, ...variables })

describe('once AUTH_PEPPER and JWT_SECRET are others', { timeout: 180_000 }, () => {
  it('whoever was signed in, signs in or was about to goes on as long as the former ones are known', async () => {
    const old = await anApp(before)
    const [ann, bob, phone] = [await aPerson(old), await withTotp(old), aPhone()]
    const [code, browser] = [await aCode(old, phone), await anApproved(old, ann)]
    const [hash, sealed] = [(await userOf(old, ann))?.passwordHash, (await userOf(old, bob))?.totp.secret]

    const both = await startedAnew(old, during)
    await both.request.get('/api/v1/users/me').auth(ann.accessToken, { type: 'bearer' }).expect(200)
    await both.request.post('/api/v1/auth/refresh').send({ refreshToken: ann.refreshToken }).expect(200)
    await browser.exchange(undefined, both).expect(200)
    await verify(both, phone, code).expect(200)
    await login(both, { ...ann, password: `${ann.password}x` }).expect(401)
    expect((await userOf(both, ann))?.passwordHash).toBe(hash)
    await login(both, ann).expect(200)
    await login(both, bob, codeNow(bob.secret)).expect(200)
    expect((await userOf(both, ann))?.passwordHash).not.toBe(hash)
    expect((await userOf(both, bob))?.totp.secret).not.toBe(sealed)
    await forgetUse(both, bob)

    const fresh = await startedAnew(old, after)
    await login(fresh, ann).expect(200)
    await login(fresh, bob, codeNow(bob.secret)).expect(200)
  })

  it('what was hashed, sealed or signed with the former ones alone is refused once they are not known any more', async () => {
    const old = await anApp(before)
    const [ann, bob, phone] = [await aPerson(old), await withTotp(old), aPhone()]
    const code = await aCode(old, phone)

    const fresh = await startedAnew(old, after)
    const refused = { code: 'invalid_credentials' }
    expect((await login(fresh, ann).expect(401)).body).toMatchObject(refused)
    expect((await verify(fresh, phone, code).expect(401)).body).toMatchObject(refused)
    await fresh.request.get('/api/v1/users/me').auth(ann.accessToken, { type: 'bearer' }).expect(401)
    await fresh.request.post('/api/v1/auth/refresh').send({ refreshToken: ann.refreshToken }).expect(200)
    await fresh.context.mongo.connection.collection('users').updateOne({ phone: bob.phone }, { $set: { phoneVerifiedAt: new Date() } })
    const signedInByCode = await verify(fresh, bob.phone, await aCode(fresh, bob.phone))
    expect(signedInByCode.body).toMatchObject({ code: 'totp_required' })
    const withCode = { phone: bob.phone, code: await aCode(fresh, bob.phone), totp: codeNow(bob.secret) }
    expect((await fresh.request.post('/api/v1/auth/otp/verify').send(withCode).expect(401)).body).toMatchObject(refused)
  })

  it('admin reseal seals every authenticator with the new one, is safe to run again, and tells which it cannot open', async () => {
    const old = await anApp(before)
    const [ann, bob] = [await withTotp(old), await withTotp(old)]
    const lost = await reseal(old, after)
    expect(lost).toMatchObject({ exitCode: 1, errors: expect.stringContaining('2 cannot be opened') })
    expect(await reseal(old, during)).toMatchObject({
      exitCode: 0,
      errors: expect.stringContaining('2 authenticators were sealed anew, 0 were already'),
    })
    expect(await reseal(old, during)).toMatchObject({
      exitCode: 0,
      errors: expect.stringContaining('0 authenticators were sealed anew, 2 were already'),
    })

    const fresh = await startedAnew(old, { ...after, AUTH_PREVIOUS_PEPPERS: former })
    for (const person of [ann, bob]) await login(fresh, person, codeNow(person.secret)).expect(200)
  })

  it('a pepper can come where there was none', async () => {
    const old = await anApp({ JWT_SECRET: formerKey })
    const [ann, bob, carol] = [await aPerson(old), await withTotp(old), await aPerson(old)]
    const both = await startedAnew(old, { JWT_SECRET: formerKey, AUTH_PEPPER: present, AUTH_PREVIOUS_PEPPERS: 'none' })
    await login(both, ann).expect(200)
    await login(both, bob, codeNow(bob.secret)).expect(200)
    await forgetUse(both, bob)
    const fresh = await startedAnew(old, after)
    await login(fresh, ann).expect(200)
    await login(fresh, bob, codeNow(bob.secret)).expect(200)
    await login(fresh, carol).expect(401)
  })

  it('nobody is refused meanwhile where every worker knows the new one first', async () => {
    const old = await anApp({ ...before, AUTH_PREVIOUS_PEPPERS: present, JWT_PREVIOUS_SECRETS: presentKey })
    const both = await startedAnew(old, during)
    const [ann, bob, phone] = [await aPerson(both), await withTotp(both), aPhone()]
    const code = await aCode(both, phone)
    await login(old, ann).expect(200)
    await old.request.get('/api/v1/users/me').auth(ann.accessToken, { type: 'bearer' }).expect(200)
    await login(old, bob, codeNow(bob.secret)).expect(200)
    await forgetUse(both, bob)
    await login(both, ann).expect(200)
    await login(both, bob, codeNow(bob.secret)).expect(200)
    await verify(old, phone, code).expect(200)
  })
})
