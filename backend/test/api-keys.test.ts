import jwt from 'jsonwebtoken'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aPerson, type Person } from './support/people.js'
import { signIn } from './support/sessions.js'
import { SseClient } from './support/sse-client.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const deadlineMs = 30_000
let app: TestApp
let neighbour: TestApp // another worker: same database, same Redis
let ann: Person
/** The access token of an administrator. */
let admin: string
beforeAll(async () => {
  app = await startTestApp()
  neighbour = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
  ann = await aPerson(app)
  await app.context.mongo.connection.collection('users').updateOne({ _id: new Types.ObjectId(ann.id) }, { $set: { role: 'admin' } })
  admin = (await signIn(app, ann)).accessToken
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

const stored = () => app.context.mongo.connection.collection('api_keys')
const idOf = ({ id }: { readonly id: string }) => ({ _id: new Types.ObjectId(id) })
const ask = (method: 'get' | 'post' | 'delete', path: string, token = admin, at: TestApp = app) =>
  at.request[method](`/api/v1${path}`).auth(token, { type: 'bearer' })
const wanted = { name: 'Nightly report', scopes: ['admin'] }
const aKey = async (body: object = wanted): Promise<{ id: string; apiKey: string; prefix: string }> =>
  (await ask('post', '/admin/api-keys').send(body).expect(201)).body
const exchange = (apiKey: unknown, at: TestApp = app) => at.request.post('/api/v1/auth/token').send({ apiKey })
const tokenOf = async ({ apiKey }: { readonly apiKey: string }): Promise<string> => (await exchange(apiKey).expect(200)).body.accessToken
const auditOf = (action: string, id: string) =>
  app.context.mongo.connection
    .collection('audit')
    .find({ action, $or: [{ 'target.id': id }, { 'actor.id': id }] })
    .toArray()

describe('an API key', () => {
  it('is shown once, and stored as a hash', async () => {
    const answer = await ask('post', '/admin/api-keys').send(wanted).expect(201)
    const { id, apiKey, expiresAt } = answer.body
    expect(apiKey).toMatch(/^hgk_[\w-]{43}$/)
    expect(answer.body).toMatchObject({ ...wanted, prefix: apiKey.slice(0, 10), createdBy: ann.id, lastUsedAt: null, revokedAt: null })
    expect((Date.parse(expiresAt) - Date.now()) / 86_400_000).toBeCloseTo(90, 2)
    const listed = (await ask('get', '/admin/api-keys').expect(200)).text
    for (const text of [listed, JSON.stringify(await stored().findOne(idOf({ id })))]) {
      expect(text).toContain(apiKey.slice(0, 10))
      expect(text).not.toContain(apiKey.slice(10))
    }
    expect(await auditOf('api_key.created', id)).toMatchObject([{ outcome: 'done', actor: { kind: 'admin', id: ann.id } }])
  })

  it('that is asked for again with the same Idempotency-Key is the same one, with a secret that is good now', async () => {
    const askOnce = () => ask('post', '/admin/api-keys').set('Idempotency-Key', 'one-key').send(wanted)
    const first = (await askOnce().expect(201)).body
    const again = (await askOnce().expect(201)).body
    expect(again).toEqual({ ...first, apiKey: again.apiKey, prefix: again.apiKey.slice(0, 10) })
    await exchange(first.apiKey).expect(401)
    await exchange(again.apiKey).expect(200)
    expect(await stored().countDocuments({ prefix: { $in: [first.prefix, again.prefix] } })).toBe(1)
    const kept = app.context.mongo.connection.collection('idempotency_keys')
    expect(await kept.countDocuments({ 'answer.body': new RegExp(first.id) })).toBe(0)
    await ask('delete', `/admin/api-keys/${first.id}`).expect(204)
    expect((await askOnce().expect(409)).body.detail).toBe('This API key was revoked')
  })

  it('is traded for an access token of 15 minutes, which names its scopes; when it was used last is shown', async () => {
    const key = await aKey()
    const { body } = await exchange(key.apiKey).expect(200)
    expect(body).toEqual({ accessToken: expect.any(String), expiresIn: 900 })
    expect(jwt.decode(body.accessToken)).toMatchObject({ sub: key.id, sid: key.id, scope: 'admin' })
    const { items } = (await ask('get', '/admin/api-keys', body.accessToken, neighbour).expect(200)).body
    expect(items.find(({ id }: { id: string }) => id === key.id).lastUsedAt).toEqual(expect.any(String))
    expect(await auditOf('service_token.issued', key.id)).toMatchObject([{ outcome: 'done', actor: { kind: 'service', id: key.id } }])
  })

  it('whose time is nearly over gives no token that outlives it', async () => {
    const key = await aKey({ ...wanted, expiresAt: new Date(Date.now() + 60_000).toISOString() })
    const { body } = await exchange(key.apiKey).expect(200)
    expect(body.expiresIn).toBeLessThanOrEqual(60)
    await stored().updateOne(idOf(key), { $set: { expiresAt: new Date() } })
    expect((await exchange(key.apiKey).expect(401)).body.code).toBe('unauthenticated')
  })

  it('that is revoked is good no more, nor is any token of it, at every worker: measured', async () => {
    const [key, other] = [await aKey(), await aKey()]
    const [token, otherToken] = [await tokenOf(key), await tokenOf(other)]
    for (const worker of [app, neighbour]) await ask('get', '/admin/api-keys', token, worker).expect(200)
    const startedAt = performance.now()
    const codeAt = async () => (await ask('get', '/admin/api-keys', token, neighbour)).body.code
    await Promise.all([
      ask('delete', `/admin/api-keys/${key.id}`).expect(204, {}),
      expect.poll(codeAt, { timeout: deadlineMs, interval: 2 }).toBe('session_revoked'),
    ])
    console.log(`another worker refuses a revoked key’s token after ${Math.round(performance.now() - startedAt)} ms`) // promised: 1000
    expect((await ask('get', '/admin/api-keys', token).expect(401)).body.code).toBe('session_revoked')
    expect((await exchange(key.apiKey).expect(401)).body.code).toBe('unauthenticated')
    await ask('get', '/admin/api-keys', otherToken, neighbour).expect(200)
    expect(await auditOf('api_key.revoked', key.id)).toMatchObject([{ outcome: 'done', actor: { kind: 'admin', id: ann.id } }])
    expect((await ask('delete', `/admin/api-keys/${key.id}`).expect(404)).body.code).toBe('not_found')
  })

  it('that was revoked is known to a worker that starts later', async () => {
    const key = await aKey()
    const token = await tokenOf(key)
    await ask('delete', `/admin/api-keys/${key.id}`).expect(204)
    const later = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
    expect((await ask('get', '/admin/api-keys', token, later).expect(401)).body.code).toBe('session_revoked')
    await later.close()
  })

  it('is limited in how often it is traded, each by itself', async () => {
    const [one, other] = [await aKey(), await aKey()]
    const limited = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret, LIMIT_SERVICE_TOKEN: '2/h' })
    const statusOf = async ({ apiKey }: { apiKey: string }) => (await exchange(apiKey, limited)).status
    expect([await statusOf(one), await statusOf(one), await statusOf(one), await statusOf(other)]).toEqual([200, 200, 429, 200])
    await limited.close()
  })

  it('may not be one of more than a hundred that are good', async () => {
    const now = new Date()
    const living = await stored().countDocuments({ revokedAt: { $exists: false }, expiresAt: { $gt: now } })
    const others = Array.from({ length: 100 - living }, (_, n) => ({
      name: 'one of many',
      prefix: 'hgk_000000',
      hash: `none-${n}`,
      scopes: ['admin'],
      createdBy: new Types.ObjectId(ann.id),
      createdAt: now,
      expiresAt: new Date(now.getTime() + 60_000),
    }))
    const { insertedIds } = await stored().insertMany(others)
    const refused = await ask('post', '/admin/api-keys').send(wanted)
    await stored().deleteMany({ _id: { $in: Object.values(insertedIds) } })
    expect([refused.status, refused.body.code]).toEqual([409, 'conflict'])
    await aKey()
  })

  const bad: [string, object, string][] = [
    ['no name', { scopes: ['admin'] }, 'body.name'],
    ['an empty name', { ...wanted, name: ' ' }, 'body.name'],
    ['a name that is no text', { ...wanted, name: { $gt: '' } }, 'body.name'],
    ['a long name', { ...wanted, name: 'x'.repeat(101) }, 'body.name'],
    ['no scopes', { name: 'x' }, 'body.scopes'],
    ['not one scope', { ...wanted, scopes: [] }, 'body.scopes'],
    ['a scope that there is not', { ...wanted, scopes: ['root'] }, 'body.scopes.0'],
    ['a scope twice', { ...wanted, scopes: ['admin', 'admin'] }, 'body.scopes'],
    ['a time that is past', { ...wanted, expiresAt: new Date(0).toISOString() }, 'body.expiresAt'],
    ['a time that is far off', { ...wanted, expiresAt: '2999-01-01T00:00:00Z' }, 'body.expiresAt'],
    ['a time that is none', { ...wanted, expiresAt: 'tomorrow' }, 'body.expiresAt'],
    ['a field of its own', { ...wanted, hash: 'x' }, 'body'],
  ]
  it.each(bad)('is not made with %s', async (_name, body, path) => {
    const answer = await ask('post', '/admin/api-keys').send(body).expect(400)
    expect(answer.body.errors.map((error: { path: string }) => error.path)).toContain(path)
  })

  it.each(['hgk_', 'nonsense', `hgk_${'A'.repeat(43)}`, '\u0000'])('that nobody has is refused: %j', async (apiKey) => {
    const answer = await exchange(apiKey).expect(401)
    expect(answer.body).toMatchObject({ code: 'unauthenticated', detail: 'The API key is not good' })
  })

  it.each([undefined, '', 1, null, { $gt: '' }, 'x'.repeat(201)])('has to be text: %j is told to be wrong', async (apiKey) => {
    expect((await exchange(apiKey).expect(400)).body.errors).toEqual([expect.objectContaining({ path: 'body.apiKey' })])
  })

  it.each(['?cursor=nonsense', '?limit=0', '?other=1'])('is not listed by %s', async (query) => {
    await ask('get', `/admin/api-keys${query}`).expect(400)
  })

  it('is listed in pages, newest first', async () => {
    const keys = [await aKey(), await aKey()]
    const first = (await ask('get', '/admin/api-keys?limit=1').expect(200)).body
    const second = (await ask('get', `/admin/api-keys?limit=1&cursor=${first.nextCursor}`).expect(200)).body
    expect([first, second].map(({ items }) => items[0].id)).toEqual(keys.map(({ id }) => id).toReversed())
  })
})

describe('who may', () => {
  it('make, see and revoke API keys is an administrator', async () => {
    const key = await aKey()
    const calls = [
      (token: string) => ask('post', '/admin/api-keys', token).send(wanted),
      (token: string) => ask('get', '/admin/api-keys', token),
      (token: string) => ask('delete', `/admin/api-keys/${key.id}`, token),
    ]
    const bob = await aPerson(app)
    for (const call of calls) {
      expect((await call(bob.accessToken).expect(403)).body.code).toBe('forbidden')
      await call('nonsense').expect(401)
    }
    await exchange(key.apiKey).expect(200)
  })

  it('make API keys is no machine: whoever stole a key would make another', async () => {
    const token = await tokenOf(await aKey())
    expect((await ask('post', '/admin/api-keys', token).send(wanted).expect(403)).body.code).toBe('forbidden')
  })

  it('read a person’s things, or open a stream, is no machine', async () => {
    const token = await tokenOf(await aKey())
    for (const path of ['/users/me', '/conversations', '/sessions'])
      expect((await ask('get', path, token).expect(403)).body.code).toBe('forbidden')
    await ask('post', '/sse/ticket', token).expect(403)
    await ask('post', '/auth/logout-all', token).expect(403)
    const opening = SseClient.open(`${app.url}/sse`, { headers: { authorization: `Bearer ${token}` } })
    await expect(opening).rejects.toThrow('403')
  })

  it('call what its scope is for, and nothing else, is a machine; it is recorded as one', async () => {
    const key = await aKey({ name: 'Archive', scopes: ['audit'] })
    const token = await tokenOf(key)
    await ask('get', '/admin/audit', token).expect(200)
    expect((await ask('get', '/admin/api-keys', token).expect(403)).body.code).toBe('forbidden')
    expect(await auditOf('audit.read', key.id)).toMatchObject([{ actor: { kind: 'service', id: key.id } }])
    expect(await auditOf('admin.refused', key.id)).toMatchObject([{ actor: { kind: 'service', id: key.id } }])
  })

  it('go on is a machine when all sessions are ended, and in a lockdown: its key ends by itself', async () => {
    const token = await tokenOf(await aKey())
    const other = await startTestApp({ JWT_SECRET: app.secret }) // another database, so that nobody else is locked out
    await other.context.admission.endAllSessions()
    await other.context.admission.lockDown()
    await ask('get', '/admin/api-keys', token, other).expect(200)
    await ask('get', '/admin/api-keys', admin, other).expect(401)
    await other.close()
  })

  it('do nothing is a machine whose scopes are none of the server’s', () => {
    const id = '0'.repeat(24)
    const token = app.context.accessTokens.sign({ userId: id, sessionId: id, scopes: ['administrator'] })
    return ask('get', '/admin/api-keys', token).expect(403)
  })
})
