import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { anAdmin, auditOf, signedInAgain } from './support/administrators.js'
import { aStream, at, hasEnded } from './support/listening.js'
import { aPerson, aPhone, type Person, peopleInNumbers } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let neighbour: TestApp // another worker: same database, same Redis
let admin: Person

beforeAll(async () => {
  app = await startTestApp()
  neighbour = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
  admin = await anAdmin(app, { name: 'Zora' })
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

const users = () => app.context.mongo.connection.collection('users')
const suspend = (id: string, by: Person = admin) => by.post(`/admin/users/${id}/suspend`, {})
const reinstate = (id: string, by: Person = admin) => by.post(`/admin/users/${id}/reinstate`, {})
const endSessions = (id: string, by: Person = admin) => by.post(`/admin/users/${id}/sessions/revoke`, {})
const login = ({ phone, password }: Pick<Person, 'phone' | 'password'>, worker: TestApp = app) =>
  worker.request.post('/api/v1/auth/login').send({ phone, password })
const codeAt = async (worker: TestApp, person: Person): Promise<unknown> =>
  (await at(worker, person).get('/users/me')).body.code ?? 'served'
const codes = (person: Person) => Promise.all([app, neighbour].map((worker) => codeAt(worker, person)))
const ofTarget = async (action: string, id: string) => (await auditOf(app, action)).filter(({ target }) => target?.id === id)
const nobody = '0123456789abcdef01234567'

describe('suspending somebody', () => {
  it('ends their sessions and streams at every worker, within a second (measured)', async () => {
    const ann = await aPerson(app)
    const other = await signedInAgain(neighbour, ann)
    const streams = [await aStream(ann, app), await aStream(other, neighbour)]
    const ended = streams.map(hasEnded)
    const before = performance.now()
    const { body } = await suspend(ann.id).expect(200)
    expect(body).toMatchObject({ id: ann.id, suspendedAt: expect.any(String), role: 'user' })
    const over = async () => [...(await codes(ann)), ...(await codes(other))].every((code) => code === 'session_revoked')
    await expect.poll(async () => ended.every(({ value }) => value) && over(), { interval: 5 }).toBe(true)
    console.log(`suspended: refused by both workers, streams ended, after ${Math.round(performance.now() - before)} ms (goal 1000)`)
    expect(streams.map(({ events }) => events.at(-1)?.data)).toMatchObject([{ reason: 'suspended' }, { reason: 'suspended' }])
    for (const { refreshToken } of [ann, other]) await app.request.post('/api/v1/auth/refresh').send({ refreshToken }).expect(401)
  })

  it('lets them sign in no more, which only who knows the password is told', async () => {
    const ann = await aPerson(app)
    await suspend(ann.id).expect(200)
    for (const worker of [app, neighbour]) {
      expect((await login(ann, worker).expect(403)).body.code).toBe('account_suspended')
      const wrong = await login({ phone: ann.phone, password: `not ${ann.password}` }, worker).expect(401)
      expect(wrong.body.code).toBe('invalid_credentials')
    }
  })

  it('leaves no session behind that begins at the same moment', async () => {
    for (let round = 0; round < 5; round++) {
      const ann = await aPerson(app)
      const signingIn = Array.from({ length: 8 }, (_, n) => login(ann, n % 2 ? app : neighbour))
      const [, ...answers] = await Promise.all([suspend(ann.id).expect(200), ...signingIn])
      for (const { status, body } of answers) {
        if (status !== 200) expect(['account_suspended', 'session_revoked']).toContain(body.code)
        else await expect.poll(() => codes({ ...ann, accessToken: body.accessToken })).toEqual(['session_revoked', 'session_revoked'])
      }
      const living = { userId: new Types.ObjectId(ann.id), revokedAt: { $exists: false } }
      expect(await app.context.mongo.connection.collection('sessions').countDocuments(living)).toBe(0)
    }
  })

  it('may be asked again, and keeps the time it had', async () => {
    const ann = await aPerson(app)
    const first = await suspend(ann.id).expect(200)
    const second = await suspend(ann.id).expect(200)
    expect(second.body.suspendedAt).toBe(first.body.suspendedAt)
  })

  it('ends with reinstating: they sign in anew, and their old sessions stay ended', async () => {
    const ann = await aPerson(app)
    await suspend(ann.id).expect(200)
    expect((await reinstate(ann.id).expect(200)).body).toMatchObject({ id: ann.id, suspendedAt: null })
    const again = await signedInAgain(app, ann)
    expect(await codes(again)).toEqual(['served', 'served'])
    expect(await codes(ann)).toEqual(['session_revoked', 'session_revoked'])
  })

  it('is refused for oneself, and for who is not there', async () => {
    const refused = await suspend(admin.id).expect(409)
    expect(refused.body.detail).toContain('themselves')
    expect(await codes(admin)).toEqual(['served', 'served'])
    await suspend(nobody).expect(404)
    await reinstate(nobody).expect(404)
    await endSessions(nobody).expect(404)
  })

  it('never leaves nobody to administer: not by two who suspend each other at once, nor by the operator', async () => {
    const other = await startTestApp()
    try {
      for (let round = 0; round < 5; round++) {
        const [one, two] = await Promise.all([anAdmin(other), anAdmin(other)])
        const answers = await Promise.all([suspend(two.id, one), suspend(one.id, two)])
        const left = await other.context.mongo.connection
          .collection('users')
          .find({ role: 'admin', suspendedAt: { $exists: false } })
          .toArray()
        expect(left.length).toBeGreaterThan(0)
        expect(answers.every(({ status }) => [200, 401, 409].includes(status))).toBe(true)
        const operator = { actor: { kind: 'operator' } } as const
        for (const { _id } of left.slice(1)) await other.context.administration.suspend(_id.toHexString(), operator)
        const last = left[0]?._id.toHexString() ?? ''
        await expect(other.context.administration.suspend(last, operator)).rejects.toMatchObject({ code: 'conflict' })
        expect((await other.context.users.get(last)).suspendedAt).toBeUndefined()
        await other.context.mongo.connection.collection('users').deleteMany({})
      }
    } finally {
      await other.close()
    }
  })

  it('is for administrators: 403 for users, 401 for strangers; done and refused is in the audit log', async () => {
    const [ann, bob] = await Promise.all([aPerson(app), aPerson(app)])
    for (const act of ['suspend', 'reinstate', 'sessions/revoke']) {
      await ann.post(`/admin/users/${bob.id}/${act}`, {}).expect(403)
      await app.request.post(`/api/v1/admin/users/${bob.id}/${act}`).expect(401)
    }
    expect(await codes(bob)).toEqual(['served', 'served'])
    await suspend(bob.id).expect(200)
    await reinstate(bob.id).expect(200)
    await endSessions(bob.id).expect(204)
    for (const action of ['user.suspended', 'user.reinstated', 'user.sessions_ended']) {
      expect(await ofTarget(action, bob.id)).toMatchObject([
        {
          outcome: 'done',
          actor: { kind: 'admin', id: admin.id },
          target: { kind: 'user', id: bob.id },
          origin: { ip: expect.any(String) },
        },
      ])
    }
    const refused = await ofTarget('admin.refused', bob.id)
    expect(refused.map(({ actor, detail }) => [actor.kind, actor.id, detail?.['code']])).toEqual(
      Array.from({ length: 3 }, () => ['user', ann.id, 'forbidden']),
    )
    await suspend(admin.id).expect(409)
    expect((await ofTarget('admin.refused', admin.id)).at(-1)).toMatchObject({ actor: { kind: 'admin' }, detail: { code: 'conflict' } })
  })

  it('refuses an id that is none', async () => {
    for (const id of ['x', '0123456789ABCDEF01234567', `${nobody}0`, '%7B%22$ne%22:null%7D']) {
      for (const act of [suspend, reinstate, endSessions]) expect((await act(id).expect(400)).body.code).toBe('validation_failed')
    }
  })
})

describe('ending somebody’s sessions', () => {
  it('ends them all at every worker, and lets them sign in again', async () => {
    const ann = await aPerson(app)
    const other = await signedInAgain(neighbour, ann)
    await endSessions(ann.id).expect(204)
    await expect.poll(async () => [...(await codes(ann)), ...(await codes(other))]).toEqual(Array(4).fill('session_revoked'))
    expect(await codes(await signedInAgain(app, ann))).toEqual(['served', 'served'])
  })
})

describe('a change of role', () => {
  it('is not slept through by a session that begins at the same moment', async () => {
    const ann = await aPerson(app)
    const { userId, sessionId } = app.context.accessTokens.verify(ann.accessToken)
    const stale = await app.context.users.get(userId)
    await users().updateOne({ _id: stale._id }, { $set: { role: 'admin' } })
    await expect(app.context.sessions.open(stale, null)).rejects.toMatchObject({ code: 'session_revoked' })
    expect(sessionId).not.toBe('')
  })
})

describe('GET /admin/users', () => {
  const list = async (query: Readonly<Record<string, string>>) => (await admin.get('/admin/users').query(query).expect(200)).body
  const everyPage = async (query: Readonly<Record<string, string>>): Promise<{ id: string; name: string; phone: string }[]> => {
    const all: { id: string; name: string; phone: string }[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: { items: { id: string; name: string; phone: string }[]; nextCursor: string | null } = await list({
        ...query,
        limit: '3',
        ...(cursor && { cursor }),
      })
      all.push(...page.items)
      cursor = page.nextCursor
    }
    return all
  }

  it('lists everyone, the newest first, page by page, each once', async () => {
    const ids = await peopleInNumbers(app, 7)
    const all = (await everyPage({})).map(({ id }) => id)
    expect(new Set(all).size).toBe(all.length)
    expect(all).toEqual(all.toSorted().toReversed())
    expect(all).toEqual(expect.arrayContaining([...ids, admin.id]))
  })

  it('shows what an administrator must know, and no secret', async () => {
    const ann = await aPerson(app, { name: 'Xanthippe' })
    await suspend(ann.id).expect(200)
    const { items } = await list({ q: ann.phone })
    expect(items).toEqual([
      {
        id: ann.id,
        name: 'Xanthippe',
        phone: ann.phone,
        role: 'user',
        suspendedAt: expect.any(String),
        mustChangePassword: false,
        lastSeenAt: null,
        createdAt: expect.any(String),
      },
    ])
  })

  it('finds by the beginning of a name, in its order, whatever characters it has', async () => {
    const names = ['Quirin (a)', 'Quirin (b)', 'Quirin .*', 'Quirinus', 'Not Quirin']
    for (const name of [...names, 'Quirin (a)', 'Quirin (a)', 'Quirin (a)']) await aPerson(app, { name })
    expect((await everyPage({ q: 'Quirin (' })).map(({ name }) => name)).toEqual([...Array(4).fill('Quirin (a)'), 'Quirin (b)'])
    expect((await list({ q: 'Quirin .*' })).items).toHaveLength(1)
    expect((await list({ q: 'qu\u00EDrin .' })).items).toHaveLength(1)
    expect((await list({ q: '.*' })).items).toHaveLength(0)
  })

  it('finds by the beginning of a phone', async () => {
    const ann = await aPerson(app)
    const found = await everyPage({ q: ann.phone.slice(0, 8) })
    expect(found.map(({ id }) => id)).toContain(ann.id)
    expect(found.map(({ phone }) => phone)).toEqual(found.map(({ phone }) => phone).toSorted())
  })

  it('lists administrators, users, the suspended latest first, and those who are not', async () => {
    const people = [await aPerson(app), await aPerson(app), await aPerson(app), await aPerson(app)]
    for (const { id } of people) await suspend(id).expect(200)
    const suspended = (await everyPage({ suspended: 'true' })).map(({ id }) => id)
    expect(suspended.slice(0, 4)).toEqual(people.map(({ id }) => id).toReversed())
    const [first] = people
    const others = (await everyPage({ suspended: 'false' })).map(({ id }) => id)
    expect(others).toContain(admin.id)
    expect(others).not.toContain(first?.id)
    const admins = (await list({ role: 'admin' })).items
    expect(admins.map(({ id }: { id: string }) => id)).toContain(admin.id)
    expect(admins.every(({ role }: { role: string }) => role === 'admin')).toBe(true)
    expect((await everyPage({ role: 'user' })).map(({ id }) => id)).not.toContain(admin.id)
    expect((await list({ role: 'admin', suspended: 'true' })).items).toEqual([])
  })

  it('refuses what it does not understand, and a cursor of another list', async () => {
    const { nextCursor } = await list({ limit: '1' })
    const refused: [Record<string, string>, string][] = [
      [{ q: '' }, 'query.q'],
      [{ q: ' ' }, 'query.q'],
      [{ q: '\u0301' }, 'query.q'],
      [{ q: 'a\0b' }, 'query.q'],
      [{ q: 'x'.repeat(101) }, 'query.q'],
      [{ role: 'owner' }, 'query.role'],
      [{ suspended: 'yes' }, 'query.suspended'],
      [{ limit: '101' }, 'query.limit'],
      [{ cursor: 'nonsense' }, 'query.cursor'],
      [{ cursor: nextCursor, q: 'Q' }, 'query.cursor'],
    ]
    for (const [query, path] of refused) {
      const { body } = await admin.get('/admin/users').query(query).expect(400)
      expect([query, body.errors.map((error: { path: string }) => error.path)]).toEqual([query, [path]])
    }
    await admin.get('/admin/users?q[$ne]=x').expect(400)
  })

  it('is for administrators, and is in the audit log', async () => {
    const ann = await aPerson(app)
    await ann.get('/admin/users').expect(403)
    await app.request.get('/api/v1/admin/users').expect(401)
    await list({ q: aPhone() })
    expect((await auditOf(app, 'users.listed')).at(-1)).toMatchObject({ outcome: 'done', actor: { id: admin.id } })
  })
})

describe('GET /admin/stats', () => {
  it('tells how much there is, and how this worker does', async () => {
    const ann = await aPerson(app)
    const before = app.context.hub.streamCount
    await aStream(ann, app)
    const { body } = await admin.get('/admin/stats').expect(200)
    expect(body).toMatchObject({ conversations: 0, messages: 0, lockdownAt: null, worker: { number: '0', streams: before + 1 } })
    expect(body.users).toBeGreaterThanOrEqual(2)
    expect(body.sessions).toBeGreaterThanOrEqual(2)
  })

  it('counts what waits to be told', async () => {
    const pending = async () => (await admin.get('/admin/stats').expect(200)).body.outboxPending
    const [before, sessions] = [await pending(), app.context.mongo.connection.collection('sessions')]
    const outbox = [{ eventId: 'e', worker: 'none', at: new Date(), type: 'session.revoked' }]
    await sessions.insertMany(Array.from({ length: 3 }, (_, n) => ({ familyHash: `waiting ${n}`, outbox })))
    expect(await pending()).toBeGreaterThanOrEqual(before + 3)
    await sessions.deleteMany({ familyHash: /^waiting/ })
  })

  it('is for administrators, and is in the audit log', async () => {
    await (await aPerson(app)).get('/admin/stats').expect(403)
    await app.request.get('/api/v1/admin/stats').expect(401)
    await admin.get('/admin/stats').expect(200)
    expect((await auditOf(app, 'stats.read')).at(-1)).toMatchObject({ outcome: 'done', actor: { id: admin.id } })
  })
})
