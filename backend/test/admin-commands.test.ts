import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { userInfo } from 'node:os'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { anAdmin, auditOf, signedInAgain } from './support/administrators.js'
import { anApp, aStream, hasEnded } from './support/listening.js'
import { aDirectConversation, aPassword, aPerson, aPhone, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const entry = fileURLToPath(new URL('../dist/admin.js', import.meta.url))
const deadlineMs = 60_000
let app: TestApp

beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

interface Ended {
  readonly exitCode: number
  readonly output: string
  readonly errors: string
}

/** What `npm run admin -- …` does, at the app's database. */
const admin = async (words: readonly string[], { input = '', environment = {}, at = app } = {}): Promise<Ended> => {
  const child = spawn(process.execPath, [entry, ...words], {
    env: {
      PATH: process.env['PATH'] ?? '',
      MONGO_URI: at.context.config.mongo.uri,
      REDIS_URL: inject('redisUrl'),
      JWT_SECRET: at.secret,
      ...environment,
    },
    timeout: deadlineMs,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(input)
  const [output, errors, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { exitCode, output, errors }
}
const codeOf = async ({ accessToken }: Person): Promise<unknown> =>
  (await app.request.get('/api/v1/users/me').auth(accessToken, { type: 'bearer' })).body.code ?? 'served'
const login = (phone: string, password: string) => app.request.post('/api/v1/auth/login').send({ phone, password })
const users = () => app.context.mongo.connection.collection('users')
const userWith = (phone: string) => users().findOne({ phone })
const operator = { kind: 'operator', id: userInfo().username }

describe('npm run admin --', { timeout: 90_000 }, () => {
  it('create-admin makes an account whose password it made, shows once, and that must be changed', async () => {
    const phone = aPhone()
    const { exitCode, output, errors } = await admin(['create-admin', phone, '--name', 'Zora'])
    expect([exitCode, errors]).toEqual([0, expect.stringContaining('must be changed')])
    const [, id, password] = /^id: (\w{24})\npassword: (\S{20,})\n$/.exec(output) ?? []
    for (const kind of [/[A-Z]/, /[a-z]/, /\d/, /[^A-Za-z0-9]/]) expect(password).toMatch(kind)
    const stored = await userWith(phone)
    expect(stored).toMatchObject({ name: 'Zora', role: 'admin', mustChangePassword: true })
    expect(stored?._id.toHexString()).toBe(id)
    const { body } = await login(phone, password ?? '').expect(200)
    expect(app.context.accessTokens.verify(body.accessToken).role).toBe('admin')
    const entries = (await auditOf(app, 'user.role_changed')).filter(({ target }) => target?.id === id)
    expect(entries).toMatchObject([{ actor: operator, outcome: 'done', detail: { role: 'admin', created: true } }])
    expect(JSON.stringify(entries)).not.toContain(password)
  })

  it('create-admin takes the password from stdin, and then shows none', async () => {
    const [phone, password] = [aPhone(), aPassword()]
    const { exitCode, output } = await admin(['create-admin', phone, '--password-stdin'], { input: `${password}\n` })
    expect([exitCode, output]).toEqual([0, expect.stringMatching(/^id: \w{24}\n$/)])
    await login(phone, password).expect(200)
  })

  it('create-admin makes an administrator of who has an account: their password stays, their sessions end', async () => {
    const ann = await aPerson(app)
    await users().updateOne({ phone: ann.phone }, { $set: { phoneVerifiedAt: new Date() } })
    const { exitCode, output } = await admin(['create-admin', ann.phone])
    expect([exitCode, output]).toEqual([0, `id: ${ann.id}\n`])
    await expect.poll(() => codeOf(ann)).toBe('session_revoked')
    const again = await signedInAgain(app, ann)
    await again.get('/admin/stats').expect(200)
    expect(await admin(['create-admin', ann.phone])).toMatchObject({ exitCode: 1, errors: expect.stringContaining('already') })
  })

  it('create-admin lets whoever registered the phone without proving it in no more, and shows a password of its own', async () => {
    const squatter = await aPerson(app)
    const left = {
      email: 'squatter@example.com',
      emailVerifiedAt: new Date(),
      totp: { secret: 'x', lastStep: 0, recoveryHashes: [], since: new Date() },
    }
    await users().updateOne({ phone: squatter.phone }, { $set: left })
    const link = await app.context.oneTimeTokens.issue('password_reset', squatter.id)
    const { exitCode, output, errors } = await admin(['create-admin', squatter.phone])
    expect([exitCode, errors]).toEqual([0, expect.stringContaining('Nobody had proved the phone')])
    const [, id, password = ''] = /^id: (\w{24})\npassword: (\S{20,})\n$/.exec(output) ?? []
    expect(id).toBe(squatter.id)
    await login(squatter.phone, squatter.password).expect(401)
    await app.request.post('/api/v1/auth/refresh').send({ refreshToken: squatter.refreshToken }).expect(401)
    await app.request.post('/api/v1/auth/password/reset').send({ token: link, newPassword: aPassword() }).expect(401)
    const stored = await userWith(squatter.phone)
    expect(stored).toMatchObject({ role: 'admin', mustChangePassword: true })
    for (const field of Object.keys(left)) expect(stored).not.toHaveProperty(field)
    const { body } = await login(squatter.phone, password).expect(200)
    const stats = app.request.get('/api/v1/admin/stats').auth(body.accessToken, { type: 'bearer' })
    expect((await stats.expect(403)).body.code).toBe('password_change_required')
    expect((await auditOf(app, 'user.role_changed')).filter(({ target }) => target?.id === id)).toMatchObject([
      { actor: operator, outcome: 'done', detail: { role: 'admin', created: false, keptPassword: false } },
    ])
  })

  it('create-admin makes no administrator of an account that whoever registered it has opened again meanwhile', async () => {
    const squatter = await aPerson(app)
    const { sessions, administrators } = app.context
    const end = sessions.revokeAll.bind(sessions)
    const ending = vi.spyOn(sessions, 'revokeAll').mockImplementationOnce(async (...parameters) => {
      const newPassword = aPassword()
      const { accessToken } = squatter
      await app.request.put('/api/v1/auth/password').auth(accessToken, { type: 'bearer' }).send({ newPassword }).expect(204)
      return end(...parameters)
    })
    const make = () =>
      administrators.make({ phone: squatter.phone, name: 'Zora', password: aPassword() }, { actor: { kind: 'operator', id: 'x' } })
    await expect(make()).rejects.toMatchObject({ code: 'conflict' })
    ending.mockRestore()
    expect(await userWith(squatter.phone)).not.toHaveProperty('role')
    expect(await make()).toMatchObject({ created: false, keptPassword: false, user: { role: 'admin' } })
  })

  it('create-admin refuses a phone, a name and a password that are not good, and who is suspended', async () => {
    expect(await admin(['create-admin', '12345'])).toMatchObject({ exitCode: 1, errors: expect.stringContaining('phone') })
    expect(await admin(['create-admin', aPhone(), '--name', ' '])).toMatchObject({ exitCode: 1, errors: expect.stringContaining('name') })
    const short = await admin(['create-admin', aPhone(), '--password-stdin'], { input: 'short\n' })
    expect(short).toMatchObject({ exitCode: 1, errors: expect.stringContaining('password') })
    expect(await admin(['create-admin', aPhone(), '--password-stdin'])).toMatchObject({ exitCode: 1 })
    const ann = await aPerson(app)
    await app.context.mongo.connection
      .collection('users')
      .updateOne({ _id: new Types.ObjectId(ann.id) }, { $set: { suspendedAt: new Date() } })
    expect(await admin(['create-admin', ann.phone])).toMatchObject({ exitCode: 1, errors: expect.stringContaining('suspended') })
    expect((await auditOf(app, 'admin.refused')).filter(({ actor }) => actor.kind === 'operator').length).toBeGreaterThan(3)
  })

  it('lock suspends by phone or id at once, unlock reinstates', async () => {
    await anAdmin(app)
    const [ann, bob] = await Promise.all([aPerson(app), aPerson(app)])
    const stream = await aStream(ann, app)
    const ended = hasEnded(stream)
    expect(await admin(['lock', ann.phone])).toMatchObject({ exitCode: 0, output: expect.stringContaining('is suspended') })
    await admin(['lock', bob.id])
    await expect.poll(() => ended.value).toBe(true)
    await expect.poll(async () => [await codeOf(ann), await codeOf(bob)]).toEqual(['session_revoked', 'session_revoked'])
    expect((await login(ann.phone, ann.password).expect(403)).body.code).toBe('account_suspended')
    expect((await admin(['unlock', ann.phone])).exitCode).toBe(0)
    await login(ann.phone, ann.password).expect(200)
    expect((await auditOf(app, 'user.suspended')).filter(({ actor }) => actor.kind === 'operator')).toHaveLength(2)
    expect(await admin(['lock', aPhone()])).toMatchObject({ exitCode: 1, errors: expect.stringContaining('nobody') })
    expect(await admin(['unlock', '0123456789abcdef01234567'])).toMatchObject({ exitCode: 1, errors: expect.stringContaining('nobody') })
  })

  it('sessions lists those of an account, revoke ends one or all of them', async () => {
    const ann = await aPerson(app)
    const other = await signedInAgain(app, ann)
    const { sessionId } = app.context.accessTokens.verify(ann.accessToken)
    const listed = async () =>
      (await admin(['sessions', ann.phone])).output
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line).id)
    expect(await listed()).toHaveLength(2)
    expect((await admin(['revoke', ann.phone, '--session', sessionId])).exitCode).toBe(0)
    await expect.poll(async () => [await codeOf(ann), await codeOf(other)]).toEqual(['session_revoked', 'served'])
    expect(await admin(['revoke', ann.phone, '--session', sessionId])).toMatchObject({ exitCode: 1 })
    expect(await listed()).toEqual([app.context.accessTokens.verify(other.accessToken).sessionId])
    expect((await admin(['revoke', ann.id])).exitCode).toBe(0)
    await expect.poll(() => codeOf(other)).toBe('session_revoked')
    expect(await listed()).toEqual([])
  })

  it('lockdown and reopen reach the workers, and revoke --all ends every session', async () => {
    const own = await anApp()
    const ann = await aPerson(own)
    const code = async () => (await own.request.get('/api/v1/users/me').auth(ann.accessToken, { type: 'bearer' })).body.code ?? 'served'
    expect((await admin(['lockdown'], { at: own })).exitCode).toBe(0)
    await expect.poll(code).toBe('lockdown')
    expect((await admin(['reopen'], { at: own })).exitCode).toBe(0)
    await expect.poll(code).toBe('served')
    expect((await admin(['revoke', '--all'], { at: own })).exitCode).toBe(0)
    await expect.poll(code).toBe('session_revoked')
    for (const action of ['lockdown.begun', 'lockdown.ended', 'sessions.all_ended']) {
      expect((await auditOf(own, action)).map(({ actor }) => actor)).toEqual([operator])
    }
  })

  it('lockdown holds without Redis: the workers read it, and it says so', async () => {
    const own = await anApp({ REDIS_URL: '' })
    const ann = await aPerson(own)
    const away = await admin(['lockdown'], { at: own, environment: { REDIS_URL: 'redis://127.0.0.1:1' } })
    expect(away).toMatchObject({ exitCode: 0, errors: expect.stringContaining('Redis cannot be reached') })
    await expect
      .poll(async () => (await own.request.get('/api/v1/users/me').auth(ann.accessToken, { type: 'bearer' })).body.code)
      .toBe('lockdown')
  })

  it('rotate-keys prints a new secret and the present one as the previous, and changes nothing', async () => {
    const { exitCode, output, errors } = await admin(['rotate-keys'])
    expect([exitCode, errors]).toEqual([0, expect.stringContaining('Nothing has changed yet')])
    const [, secret, previous] = /^JWT_SECRET=(\S{64})\nJWT_PREVIOUS_SECRETS=(\S+)\n$/.exec(output) ?? []
    expect(previous).toBe(app.secret)
    expect(secret).not.toBe(app.secret)
    const entries = await auditOf(app, 'keys.rotation_prepared')
    expect(entries).toMatchObject([{ actor: operator }])
    expect(JSON.stringify(entries)).not.toContain(app.secret)
  })

  it('rotate-keys --pepper prints a new pepper and what goes with it, the first time that there was none', async () => {
    const first = await admin(['rotate-keys', '--pepper'])
    const [, pepper = ''] = /^AUTH_PEPPER=(\S{64})\nAUTH_PREVIOUS_PEPPERS=none\n$/.exec(first.output) ?? []
    expect([first.exitCode, first.errors]).toEqual([0, expect.stringContaining('Nothing has changed yet')])
    const next = await admin(['rotate-keys', '--pepper'], { environment: { AUTH_PEPPER: pepper, AUTH_PREVIOUS_PEPPERS: 'none' } })
    expect(next.output).toMatch(/^AUTH_PEPPER=\S{64}\n/)
    expect(next.output).not.toContain(`AUTH_PEPPER=${pepper}`)
    expect(next.output).toContain(`AUTH_PREVIOUS_PEPPERS=${pepper},none\n`)
    const third = ['a', 'b', 'c'].map((letter) => letter.repeat(32)).join(',')
    const full = await admin(['rotate-keys', '--pepper'], { environment: { AUTH_PEPPER: pepper, AUTH_PREVIOUS_PEPPERS: third } })
    expect(full).toMatchObject({ exitCode: 1, output: '', errors: expect.stringContaining('take the last one out first') })
  })

  it('audit prints what fits its filters, the newest first', async () => {
    const ann = await aPerson(app)
    await admin(['unlock', ann.phone])
    const { output } = await admin(['audit', '--target', ann.id, '--action', 'user.reinstated', '--limit', '5'])
    expect(
      output
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ actor: operator, target: { id: ann.id } }])
  })

  it('check tells what differs, mends it if asked, and ends with 1 while something is left', async () => {
    const own = await anApp()
    const zora = await anAdmin(own)
    const { ann, conversation } = await aDirectConversation(own)
    await ann.send(conversation.id, {}).expect(201)
    const isWell = async () => (await zora.post(`/admin/conversations/${conversation.id}/check`, {}).expect(200)).body.differences.length
    await expect.poll(isWell, { timeout: 30_000 }).toBe(0)
    expect(await admin(['check'], { at: own })).toMatchObject({
      exitCode: 0,
      output: '',
      errors: expect.stringContaining('1 conversations'),
    })
    const stored = own.context.mongo.connection
    await stored.collection('conversations').updateOne({}, { $set: { lastSeq: 7 } })
    const found = await admin(['check'], { at: own })
    expect(found).toMatchObject({ exitCode: 1, errors: expect.stringContaining('1 differences are left') })
    expect(JSON.parse(found.output)).toMatchObject({
      conversationId: conversation.id,
      differences: [{ kind: 'last_seq', repaired: false }],
    })
    const mended = await admin(['check', '--repair'], { at: own })
    expect([mended.exitCode, JSON.parse(mended.output).differences]).toMatchObject([0, [{ kind: 'last_seq', repaired: true }]])
    expect(await admin(['check'], { at: own })).toMatchObject({ exitCode: 0, output: '' })
    await stored.collection('messages').updateOne({}, { $set: { seq: 2 } })
    expect(await admin(['check', '--repair'], { at: own })).toMatchObject({ exitCode: 1, output: expect.stringContaining('seq_missing') })
    const entries = await auditOf(own, 'conversations.checked')
    expect(entries.map(({ actor, detail }) => [actor, detail?.['conversations']])).toEqual(Array.from({ length: 5 }, () => [operator, 1]))
  }, 120_000)

  it('says what to type where it was mistyped, before anything is opened', async () => {
    const environment = { MONGO_URI: 'mongodb://127.0.0.1:1' } // nothing is there
    const mistyped: [string[], string][] = [
      [['fly'], 'fly: no such command'],
      [['lock'], 'needs a phone or an id'],
      [['lock', 'a', 'b'], 'nothing more'],
      [['lockdown', 'now'], 'takes nothing more'],
      [['revoke', '--all', '+4915112345678'], '--all stands alone'],
      [['revoke', '+4915112345678', '--session', 'x'], 'not the id of a session'],
      [['create-admin', '--nickname', 'x'], '--nickname'],
      [['check', '--mend'], '--mend'],
      [['audit', '--limit', '1000'], 'limit'],
      [['audit', '--from', 'yesterday'], 'from'],
    ]
    const ended = await Promise.all(mistyped.map(([words]) => admin(words, { environment })))
    for (const [n, { exitCode, output, errors }] of ended.entries()) {
      expect([mistyped[n]?.[0], exitCode, output, errors]).toEqual([
        mistyped[n]?.[0],
        2,
        '',
        expect.stringContaining(mistyped[n]?.[1] ?? ''),
      ])
    }
    const help = await admin(['--help'], { environment })
    expect(help.exitCode).toBe(0)
    for (const name of [
      'create-admin',
      'lock',
      'unlock',
      'sessions',
      'revoke',
      'lockdown',
      'reopen',
      'rotate-keys',
      'reseal',
      'audit',
      'check',
    ]) {
      expect(help.output).toContain(`\n  ${name}`)
    }
  })

  it('tells every fault of the configuration, and that MongoDB cannot be reached', async () => {
    const faulty = await admin(['lockdown'], { environment: { PORT: 'http', LIMIT_API: 'often' } })
    expect(faulty).toMatchObject({ exitCode: 1, errors: expect.stringContaining('The configuration has 2 faults') })
    const away = await admin(['lockdown'], { environment: { MONGO_URI: 'mongodb://127.0.0.1:1', LOG_LEVEL: 'silent' } })
    expect(away).toMatchObject({ exitCode: 1, output: '', errors: expect.stringMatching(/^MongoDB cannot be used[^\n]*\n$/) })
  })
})
