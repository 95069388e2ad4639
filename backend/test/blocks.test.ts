import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { outboxEntry } from '../src/realtime/outbox-entry.js'
import { aStream as aStreamAt, at } from './support/listening.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { plansOf } from './support/plans.js'
import type { SseClient } from './support/sse-client.js'
import { countCommands, dataOf } from './support/streams.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'
import { aDatabase, startTestApp, type TestApp } from './support/test-app.js'

const MONGO_URI = aDatabase()
const JWT_SECRET = 'the same secret for both workers, long enough'
const start = (overrides: Record<string, string> = {}) => startTestApp({ MONGO_URI, JWT_SECRET, ...overrides })
let app: TestApp
/** Another worker over the same database and Redis. */
let neighbour: TestApp
beforeAll(async () => {
  ;[app, neighbour] = await Promise.all([start(), start()])
})
afterAll(async () => {
  await Promise.all([app.close(), neighbour.close()])
})

const aStream = (person: Person, worker: TestApp = app): Promise<SseClient> => aStreamAt(person, worker)
const block = (person: Person, { id }: Person) => person.put(`/blocks/${id}`).expect(204)
const unblock = (person: Person, { id }: Person) => person.delete(`/blocks/${id}`).expect(204)
const stored = () => app.context.mongo.connection.collection('blocks')
const listOf = async (person: Person): Promise<string[]> =>
  (await person.get('/blocks').expect(200)).body.items.map(({ userId }: { userId: string }) => userId)
const typing = (person: Person, conversationId: string) =>
  person.post(`/conversations/${conversationId}/typing`, { typing: true }).expect(204)
/** All that was told of before is here once this is. */
const upToNow = async (stream: SseClient, sender: Person, conversationId: string): Promise<void> => {
  const { body } = await sender.send(conversationId, {}).expect(201)
  await expect.poll(() => JSON.stringify(dataOf(stream, 'message.created'))).toContain(body.id)
}
const presenceOf = (stream: SseClient, person: Person): unknown[] =>
  dataOf(stream, 'presence').flatMap(({ userId, online }) => (userId === person.id ? [online] : []))

describe('a block', () => {
  it('is listed, the latest first, page by page, and gone once it is lifted', async () => {
    const ann = await aPerson(app)
    const others = [await aPerson(app), await aPerson(app), await aPerson(app)]
    for (const other of others) await block(ann, other)
    const expected = others.map(({ id }) => id).toReversed()
    const { body } = await ann.get('/blocks?limit=2').expect(200)
    expect(body.items[0]).toEqual({ userId: expected[0], createdAt: expect.stringMatching(/^\d{4}-/) })
    const rest = (await ann.get(`/blocks?limit=2&cursor=${body.nextCursor}`).expect(200)).body
    expect([...body.items, ...rest.items].map(({ userId }) => userId)).toEqual(expected)
    expect(rest.nextCursor).toBeNull()
    for (const other of others) await unblock(ann, other)
    expect(await listOf(ann)).toEqual([])
  })

  it('is one, however often and from however many devices it is asked for at once; lifted as well', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    for (const [ask, expected] of [
      [(n: number) => (n % 2 ? app : neighbour).request.put(`/api/v1/blocks/${bob.id}`), [bob.id]],
      [(n: number) => (n % 2 ? app : neighbour).request.delete(`/api/v1/blocks/${bob.id}`), []],
    ] as const) {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(n).auth(ann.accessToken, { type: 'bearer' })))
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]))
      expect(await listOf(ann)).toEqual(expected)
      expect(await stored().countDocuments({ blockerId: new Types.ObjectId(ann.id) })).toBe(1)
    }
    await unblock(ann, bob)
  })

  it('is told to the blocker’s other devices once, and not to who is blocked', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const [anns, bobs] = [await aStream(ann, neighbour), await aStream(bob)]
    await block(ann, bob)
    await block(ann, bob)
    await unblock(ann, bob)
    const told = (blocked: boolean) => ({ type: 'block.updated', at: expect.any(String), userId: bob.id, blocked })
    await expect.poll(() => dataOf(anns, 'block.updated')).toEqual([told(true), told(false)])
    await upToNow(bobs, ann, conversation.id)
    expect(dataOf(bobs, 'block.updated')).toEqual([])
  })

  it.each([
    ['nobody', () => new Types.ObjectId().toHexString(), 404],
    ['oneself', ({ id }: Person) => id, 400],
    ['what is no id', () => 'abc', 400],
  ])('of %s is refused', async (_name, idOf, status) => {
    const ann = await aPerson(app)
    await ann.put(`/blocks/${idOf(ann)}`).expect(status)
    expect(await listOf(ann)).toEqual([])
  })

  it('of more than 10,000 people is refused, with those that were lifted lately; their list is read in the order of its index', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    const blockerId = new Types.ObjectId(ann.id)
    const createdAt = new Date()
    const many = Array.from({ length: 10_000 }, (_, n) => {
      const blockedId = new Types.ObjectId()
      return { blockerId, blockedId, pair: randomUUID(), active: n % 2 === 0, createdAt, ...(n % 2 && { liftedAt: createdAt }) }
    })
    await stored().insertMany(many)
    await ann.put(`/blocks/${bob.id}`).expect(409)
    const { nextCursor } = (await ann.get('/blocks').expect(200)).body
    for (const path of ['/blocks', `/blocks?cursor=${nextCursor}`]) {
      const asked = () => ann.get(path).expect(200)
      expect(await plansOf(app, 'blocks', asked)).toEqual([{ index: 'blocker_created', sortsOrScans: false }])
    }
    const asked = () => ann.get(`/users/${bob.id}`).expect(200)
    expect(await plansOf(app, 'blocks', asked)).toEqual([{ index: 'pair', sortsOrScans: false }])
    await stored().updateMany({ blockerId, active: false }, { $set: { liftedAt: new Date(0) } })
    const [one] = many
    await ann.delete(`/blocks/${one?.blockedId.toHexString()}`).expect(204) // takes away those that were lifted long ago
    await block(ann, bob)
    expect(await stored().countDocuments({ blockerId })).toBe(5001)
  })

  it('is not for strangers, and its list takes no wrong query', async () => {
    const ann = await aPerson(app)
    await app.request.put(`/api/v1/blocks/${ann.id}`).expect(401)
    await app.request.delete(`/api/v1/blocks/${ann.id}`).expect(401)
    await app.request.get('/api/v1/blocks').expect(401)
    await ann.get('/blocks?cursor=abc').expect(400)
    await ann.get('/blocks?userId=1').expect(400)
    await ann.delete('/blocks/abc').expect(400)
  })

  it('that a dead worker stored is told by another', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    const anns = await aStream(ann)
    const [blockerId, blockedId] = [new Types.ObjectId(ann.id), new Types.ObjectId(bob.id)]
    const outbox = [outboxEntry('dead', 'block.updated', new Date(Date.now() - 120_000), { blocked: 'true' })]
    const database = app.context.mongo.connection
    await stored().insertOne({
      blockerId,
      blockedId,
      pair: [ann.id, bob.id].toSorted().join(':'),
      active: true,
      createdAt: new Date(),
      outbox,
    })
    await database
      .collection<{ _id: string; holder: string; expiresAt: Date }>('leases')
      .insertOne({ _id: 'worker:dead', holder: 'dead', expiresAt: new Date(0) })
    const told = async () => {
      await app.context.sweeper.sweep()
      return dataOf(anns, 'block.updated').map(({ userId }) => userId)
    }
    await expect.poll(told, { timeout: 30_000 }).toEqual([bob.id])
  })
})

describe('between two of whom one has blocked the other', () => {
  it('no message is written by either, at any worker, from the answer on; and again once it is lifted', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const [annThere, bobThere] = [at(neighbour, ann), at(neighbour, bob)]
    for (const person of [ann, bob, annThere, bobThere]) await person.send(conversation.id, {}).expect(201) // all workers know them as members
    await block(ann, bob)
    for (const person of [ann, bob, annThere, bobThere]) {
      const { body } = await person.send(conversation.id, {}).expect(403)
      expect(body).toMatchObject({ code: 'forbidden', detail: 'Nothing can be written in this conversation any more' })
    }
    await unblock(ann, bob)
    for (const person of [ann, bob, annThere, bobThere]) await person.send(conversation.id, {}).expect(201)
  })

  it('a message that was stored before is answered for when it is sent again', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const clientId = randomUUID()
    const first = await bob.send(conversation.id, { clientId, text: 'hello' }).expect(201)
    await block(ann, bob)
    expect((await bob.send(conversation.id, { clientId, text: 'hello' }).expect(200)).body.id).toBe(first.body.id)
    await bob.send(conversation.id, { clientId, text: 'another' }).expect(409)
  })

  it('no message gets another text; what is there can be read and deleted', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { body } = await bob.send(conversation.id, {}).expect(201)
    await block(ann, bob)
    await bob.patch(`/messages/${body.id}`, { text: 'another' }).expect(403)
    expect((await ann.get(`/conversations/${conversation.id}/messages`).expect(200)).body.items).toHaveLength(1)
    await bob.delete(`/messages/${body.id}?scope=all`).expect(200)
  })

  it('a worker without Redis refuses it within a second, and right after Redis is back', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    const cutOff = await start({ REDIS_URL: through(inject('redisUrl'), proxy) })
    const there = at(cutOff, bob)
    await there.send(conversation.id, {}).expect(201)
    proxy.cut()
    const began = performance.now()
    await block(ann, bob)
    await expect.poll(async () => (await there.send(conversation.id, {})).status, { interval: 20, timeout: 30_000 }).toBe(403)
    console.log(`a worker without Redis knew of a block after ${Math.round(performance.now() - began)} ms`)
    await unblock(ann, bob)
    proxy.restore()
    await expect.poll(async () => (await there.send(conversation.id, {})).status, { timeout: 30_000 }).toBe(201)
    await cutOff.close()
  }, 120_000)

  it('nothing is asked of the database for what was asked a moment ago', async () => {
    const { bob, conversation } = await aDirectConversation(app)
    const sends = () => bob.send(conversation.id, {}).expect(201)
    const sendAll = async () => {
      for (let n = 0; n < 10; n++) await sends()
    }
    expect(await countCommands(app, 'find', 'blocks', sendAll)).toBeLessThan(10)
  })

  it('no typing is told', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { conversation: group } = await aGroupOf(ann, bob)
    const [anns, bobs] = [await aStream(ann), await aStream(bob)]
    await block(ann, bob)
    await typing(bob, conversation.id)
    await typing(ann, conversation.id)
    await upToNow(anns, bob, group.id)
    await upToNow(bobs, ann, group.id)
    expect([dataOf(anns, 'typing'), dataOf(bobs, 'typing')]).toEqual([[], []])
    await unblock(ann, bob)
    await typing(bob, conversation.id)
    await expect.poll(() => dataOf(anns, 'typing').length).toBe(1)
  })

  it('neither is there for the other: at once, for streams that begin, and in a batch; until it is lifted', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { conversation: group } = await aGroupOf(ann, bob)
    const [anns, bobs] = [await aStream(ann), await aStream(bob, neighbour)]
    await expect.poll(() => [presenceOf(anns, bob).at(-1), presenceOf(bobs, ann).at(-1)]).toEqual([true, true])
    await block(ann, bob)
    await expect.poll(() => [presenceOf(anns, bob).at(-1), presenceOf(bobs, ann).at(-1)]).toEqual([false, false])
    expect(dataOf(bobs, 'presence').at(-1)).toMatchObject({ userId: ann.id, lastSeenAt: null })
    const later = [await aStream(ann), await aStream(bob)]
    for (const stream of later) await upToNow(stream, ann, group.id)
    expect([presenceOf(later[0] as SseClient, bob), presenceOf(later[1] as SseClient, ann)]).toEqual([[], []])
    const { body } = await ann.post('/users/batch', { ids: [bob.id] }).expect(200)
    expect(body.items).toEqual([expect.objectContaining({ id: bob.id, presence: null })])
    await unblock(ann, bob)
    await expect.poll(() => [presenceOf(anns, bob).at(-1), presenceOf(bobs, ann).at(-1)]).toEqual([true, true])
    expect(conversation.id).not.toBe(group.id)
  })

  it('of somebody who comes and goes the other is not told', async () => {
    const { ann, bob } = await aDirectConversation(app)
    const { conversation: group } = await aGroupOf(ann, bob)
    const earlier = await aStream(bob)
    await block(ann, bob)
    await expect.poll(() => presenceOf(earlier, ann)).toEqual([false]) // the block itself is told; nothing after it
    const bobs = await aStream(bob)
    await aStream(ann, neighbour)
    await upToNow(bobs, ann, group.id)
    expect(presenceOf(bobs, ann)).toEqual([])
    await ann.patch('/users/me', { settings: { presence: false } }).expect(200)
    await upToNow(bobs, ann, group.id)
    expect(presenceOf(bobs, ann)).toEqual([])
  })

  it('messages in a common group still flow', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    const { conversation } = await aGroupOf(ann, bob)
    await block(ann, bob)
    await upToNow(await aStream(ann), bob, conversation.id)
    await upToNow(await aStream(bob), ann, conversation.id)
  })
})

describe('who was blocked', () => {
  it('does not find the blocker: by id, in a batch, by name, by phone', async () => {
    const [ann, bob] = [await aPerson(app, { name: `Blocker ${randomUUID()}` }), await aPerson(app)]
    const found = async (by: Person, of: Person) => [
      (await by.get(`/users/${of.id}`)).status,
      (await by.post('/users/batch', { ids: [of.id] }).expect(200)).body.items.length,
      (await by.get(`/users?q=${encodeURIComponent(of.name)}`).expect(200)).body.items.some(({ id }: Person) => id === of.id),
      (await by.post('/contacts/lookup', { phones: [of.phone] }).expect(200)).body.items.length,
    ]
    expect(await found(bob, ann)).toEqual([200, 1, true, 1])
    await block(ann, bob)
    expect(await found(bob, ann)).toEqual([404, 0, false, 0])
    expect((await found(ann, bob)).slice(0, 2)).toEqual([200, 1]) // the blocker’s list shows whom
    await unblock(ann, bob)
    expect(await found(bob, ann)).toEqual([200, 1, true, 1])
  })

  it('begins no direct conversation with the blocker, as with nobody; the blocker is told why', async () => {
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    const nobody = (await bob.post('/conversations', { type: 'direct', userId: new Types.ObjectId().toHexString() }).expect(404)).body
    await block(ann, bob)
    const { body } = await bob.post('/conversations', { type: 'direct', userId: ann.id }).expect(404)
    expect({ ...body, requestId: 0 }).toEqual({ ...nobody, requestId: 0 })
    await ann.post('/conversations', { type: 'direct', userId: bob.id }).expect(403)
    await unblock(ann, bob)
    await bob.post('/conversations', { type: 'direct', userId: ann.id }).expect(201)
  })

  it('still has the direct conversation that there was', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    await block(ann, bob)
    expect((await bob.post('/conversations', { type: 'direct', userId: ann.id }).expect(200)).body.id).toBe(conversation.id)
  })

  it('brings the blocker into no group, as nobody; the blocker may bring them', async () => {
    const [ann, carol] = [await aPerson(app), await aPerson(app)]
    const { owner: bob, conversation } = await aGroup(app, 1 + 1)
    await block(ann, bob)
    const message = 'there is no such person'
    const added = await bob.post(`/conversations/${conversation.id}/members`, { userIds: [carol.id, ann.id] }).expect(400)
    expect(added.body.errors).toEqual([{ path: 'body.userIds.1', message }])
    const begun = await bob.post('/conversations', { type: 'group', name: 'Hill', memberIds: [carol.id, ann.id] }).expect(400)
    expect(begun.body.errors).toEqual([{ path: 'body.memberIds.1', message }])
    await ann.post('/conversations', { type: 'group', name: 'Hill', memberIds: [bob.id] }).expect(201)
  })

  it('may name a blocker who is in the group already: that is passed over', async () => {
    const { owner: bob, members, conversation } = await aGroup(app, 2)
    const [, ann] = members
    if (!ann) throw new Error('two were made')
    await block(ann, bob)
    await bob.post(`/conversations/${conversation.id}/members`, { userIds: [ann.id] }).expect(200, { items: [] })
  })

  it('is not told of the blocker’s profile, though they share a group', async () => {
    const [ann, bob, carol] = [await aPerson(app), await aPerson(app), await aPerson(app)]
    const { conversation } = await aGroupOf(ann, bob, carol)
    await block(ann, bob)
    const [bobs, carols] = [await aStream(bob), await aStream(carol)]
    await ann.patch('/users/me', { name: 'Änne' }).expect(200)
    await expect.poll(() => dataOf(carols, 'user.updated').length).toBe(1)
    await upToNow(bobs, ann, conversation.id)
    expect(dataOf(bobs, 'user.updated')).toEqual([])
  })
})

const aGroupOf = async (owner: Person, ...others: Person[]): Promise<{ conversation: { id: string } }> => {
  const memberIds = others.map(({ id }) => id)
  const { body } = await owner.post('/conversations', { type: 'group', name: 'The hill', memberIds }).expect(201)
  return { conversation: body }
}
