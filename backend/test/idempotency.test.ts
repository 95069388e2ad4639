import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { IdempotencyDocument } from '../src/http/idempotency-model.js'
import { aDirectConversation, aPerson, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let neighbour: TestApp // another worker: same database, same Redis
let bob: Person
beforeAll(async () => {
  app = await startTestApp()
  neighbour = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
  bob = await aPerson(app, { name: 'Bob' })
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

const make = (person: Person, key: string, { name = 'The hill', at = app } = {}) =>
  at.request
    .post('/api/v1/conversations')
    .auth(person.accessToken, { type: 'bearer' })
    .set('Idempotency-Key', key)
    .send({ type: 'group', name, memberIds: [bob.id] })
const groupsOf = async (person: Person): Promise<number> => (await person.get('/conversations').expect(200)).body.items.length
const keys = () => app.context.mongo.connection.collection<IdempotencyDocument>('idempotency_keys')
const kept = ({ id }: Person, key: string) => ({ _id: `${id}:${createHash('sha256').update(key).digest('base64url')}` })

describe('a request with an Idempotency-Key', () => {
  it('that is made again is answered as it was first, at every worker, whatever became of it since', async () => {
    const [ann, key] = [await aPerson(app), randomUUID()]
    const first = await make(ann, key).expect(201)
    await ann.patch(`/conversations/${first.body.id}`, { name: 'Beacon' }).expect(200)
    const again = await make(ann, key, { at: neighbour }).expect(201)
    expect(again.body).toEqual(first.body)
    expect(await groupsOf(ann)).toBe(1)
  })

  it('that made nothing is answered anew: nothing is kept of what it showed', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { body: message } = await bob.send(conversation.id, { text: 'to be deleted' }).expect(201)
    const key = randomUUID()
    const ask = () => ann.post('/conversations', { type: 'direct', userId: bob.id }).set('Idempotency-Key', key).expect(200)
    expect((await ask()).body).toMatchObject({ id: conversation.id, lastMessage: { text: 'to be deleted' } })
    await bob.delete(`/messages/${message.id}?scope=all`).expect(200)
    expect((await ask()).body).toMatchObject({ id: conversation.id, lastMessage: null })
    expect(await keys().countDocuments({ 'answer.body': /to be deleted/ })).toBe(0)
    await ann
      .post('/conversations', { type: 'direct', userId: (await aPerson(app)).id })
      .set('Idempotency-Key', key)
      .expect(409)
  })

  it('makes one thing, however many are made at once', async () => {
    const [ann, key] = [await aPerson(app), randomUUID()]
    const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => make(ann, key, { at: n % 2 === 0 ? app : neighbour })))
    const made = answers.filter(({ status }) => status === 201)
    expect(new Set(made.map(({ body }) => body.id)).size).toBe(1)
    expect(new Set(answers.filter(({ status }) => status !== 201).map(({ status }) => status))).toEqual(
      new Set(made.length === 30 ? [] : [409]),
    )
    expect(await groupsOf(ann)).toBe(1)
  }, 120_000)

  it('with another body, or to another path, is a conflict', async () => {
    const [ann, key] = [await aPerson(app), randomUUID()]
    const { body: group } = await make(ann, key).expect(201)
    const { body } = await make(ann, key, { name: 'Another' }).expect(409)
    expect(body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('another request') })
    await ann.post(`/conversations/${group.id}/invites`, {}).set('Idempotency-Key', key).expect(409)
    expect(await groupsOf(ann)).toBe(1)
  })

  it('is its caller’s: another’s same key is another one', async () => {
    const [ann, carol, key] = [await aPerson(app), await aPerson(app), randomUUID()]
    const [one, other] = [await make(ann, key).expect(201), await make(carol, key).expect(201)]
    expect(one.body.id).not.toBe(other.body.id)
  })

  it('that is under way is a conflict, with when to ask again', async () => {
    const [ann, key] = [await aPerson(app), randomUUID()]
    await make(ann, key).expect(201)
    await keys().updateOne(kept(ann, key), { $set: { busyUntil: new Date(Date.now() + 60_000) }, $unset: { answer: '' } })
    const answer = await make(ann, key).expect(409)
    expect([answer.body.code, answer.headers['retry-after']]).toEqual(['conflict', '1'])
  })

  it('makes one thing where the worker died after it had made it and before it could say so', async () => {
    const [ann, key] = [await aPerson(app), randomUUID()]
    const first = await make(ann, key).expect(201)
    await keys().updateOne(kept(ann, key), { $set: { busyUntil: new Date(0) }, $unset: { answer: '' } })
    const again = await Promise.all([make(ann, key), make(ann, key, { at: neighbour })])
    const made = again.filter(({ status }) => status === 201)
    expect(made.length).toBeGreaterThan(0)
    for (const { body } of made) expect(body.id).toBe(first.body.id)
    expect(await groupsOf(ann)).toBe(1)
  })

  it('that is refused has made nothing, and its key is free for what is right', async () => {
    const [ann, key] = [await aPerson(app), randomUUID()]
    const wrong = { type: 'group', name: 'Hill', memberIds: ['0'.repeat(24)] }
    await ann.post('/conversations', wrong).set('Idempotency-Key', key).expect(400)
    await make(ann, key).expect(201)
  })

  it('of a body that is not valid keeps nothing', async () => {
    const [ann, key] = [await aPerson(app), randomUUID()]
    await make(ann, key, { name: '' }).expect(400)
    expect(await keys().countDocuments(kept(ann, key))).toBe(0)
  })

  it.each(['', 'with spaces', 'ö', 'x'.repeat(256)])('is not made with %j', async (key) => {
    const ann = await aPerson(app)
    const { body } = await make(ann, Buffer.from(key).toString('latin1')).expect(400)
    expect(body.errors[0].path).toBe('headers.idempotency-key')
    expect(await groupsOf(ann)).toBe(0)
  })

  it('is kept for a day', async () => {
    const [ann, key] = [await aPerson(app), randomUUID()]
    const before = Date.now()
    await make(ann, key).expect(201)
    const found = await keys().findOne(kept(ann, key))
    const keptMs = (found?.expiresAt.getTime() ?? 0) - before
    expect(keptMs).toBeGreaterThanOrEqual(86_400_000)
    expect(keptMs).toBeLessThan(86_400_000 + 60_000)
  })
})

it('without a key each request is another one', async () => {
  const ann = await aPerson(app)
  const body = { type: 'group', name: 'Hill', memberIds: [bob.id] }
  await Promise.all([ann.post('/conversations', body).expect(201), ann.post('/conversations', body).expect(201)])
  expect(await groupsOf(ann)).toBe(2)
})

it('the document of the API says which requests take a key', async () => {
  const { body } = await app.request.get('/openapi.json').expect(200)
  const headersOf = (path: string, method: string): string[] =>
    (body.paths[path][method].parameters ?? [])
      .filter(({ in: at }: { in: string }) => at === 'header')
      .map(({ name }: { name: string }) => name)
  expect(headersOf('/api/v1/conversations', 'post')).toEqual(['Idempotency-Key'])
  expect(headersOf('/api/v1/conversations', 'get')).toEqual([])
})
