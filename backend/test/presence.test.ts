import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { MemoryPresence, RedisPresence } from '../src/features/presence/index.js'
import { Keyspace } from '../src/platform/keyspace.js'
import { aStream as aStreamAt } from './support/listening.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import type { SseClient } from './support/sse-client.js'
import { dataOf } from './support/streams.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'
import { aDatabase, startTestApp, type TestApp } from './support/test-app.js'

const MONGO_URI = aDatabase()
const JWT_SECRET = 'the same secret for both workers, long enough'
const never = 600_000
/** Quick ones tell at once that somebody has gone; patient ones never see that a time is over. */
const quick = { grace: 200, lookEvery: 50 }
const patient = { grace: never, lookEvery: 50 }
const started: TestApp[] = []
const workers = async (times: object, MONGO_URI: string): Promise<[TestApp, TestApp]> => {
  const both = await Promise.all([1, 2].map(() => startTestApp({ MONGO_URI, JWT_SECRET }, { presence: times })))
  started.push(...both)
  return both as [TestApp, TestApp]
}
let app: TestApp
let neighbour: TestApp
beforeAll(async () => {
  ;[app, neighbour] = await workers(quick, MONGO_URI)
})
afterAll(async () => {
  for (const each of started) await each.close()
})

const aStream = (person: Person, at: TestApp = app): Promise<SseClient> => aStreamAt(person, at)
/** What a stream knew of a person, one after the other: being told the same again changes nothing. */
const presenceOf = (stream: SseClient, person: Person): unknown[] => {
  const told = dataOf(stream, 'presence').flatMap(({ userId, online }) => (userId === person.id ? [online] : []))
  return told.filter((online, n) => online !== told[n - 1])
}
const change = (person: Person, body: object, at: TestApp = app) =>
  at.request.patch('/api/v1/users/me').auth(person.accessToken, { type: 'bearer' }).send(body)
/** All that was told of before is here once this is. */
const upToNow = async (stream: SseClient, sender: Person, conversationId: string): Promise<void> => {
  const { body } = await sender.send(conversationId, {}).expect(201)
  await expect.poll(() => JSON.stringify(dataOf(stream, 'message.created'))).toContain(body.id)
}

describe('presence', () => {
  it('tells who talks with somebody that they are there, and when they were last seen once they have gone', async () => {
    const { ann, bob } = await aDirectConversation(app)
    const anns = await aStream(ann)
    const logged = () => app.context.log.states([`user:${ann.id}`])
    await expect.poll(async () => (await logged())[0]?.last).not.toBe('0-0') // the conversation’s beginning
    const logBefore = await logged()
    const before = Date.now()
    const bobs = await aStream(bob, neighbour)
    await expect.poll(() => presenceOf(anns, bob)).toEqual([true])
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    expect(dataOf(anns, 'presence')[0]).toEqual({ type: 'presence', at: time, userId: bob.id, online: true, lastSeenAt: null })
    await bobs.close()
    await expect.poll(() => presenceOf(anns, bob)).toEqual([true, false])
    const { lastSeenAt } = dataOf(anns, 'presence').at(-1) ?? {}
    expect(Date.parse(String(lastSeenAt))).toBeGreaterThan(before - 10)
    expect(Date.parse(String(lastSeenAt))).toBeLessThan(Date.now() + 10)
    const stored = await app.context.users.get(bob.id)
    expect(stored.lastSeenAt?.toISOString()).toBe(lastSeenAt)
    expect(await logged()).toEqual(logBefore)
  })

  it('tells a stream that begins who is there, at any worker, and nothing of who is not', async () => {
    const { ann, bob } = await aDirectConversation(app)
    const carol = await aPerson(app)
    await ann.post('/conversations', { type: 'direct', userId: carol.id }).expect(201)
    await aStream(bob, neighbour)
    const anns = await aStream(ann)
    await expect.poll(() => presenceOf(anns, bob)).toEqual([true])
    expect(presenceOf(anns, carol)).toEqual([])
  })

  it('lasts while any of somebody’s streams is open, at any worker', async () => {
    const { ann, bob } = await aDirectConversation(app)
    const anns = await aStream(ann)
    const [one, other] = [await aStream(bob), await aStream(bob, neighbour)]
    await expect.poll(() => presenceOf(anns, bob)).toEqual([true])
    await one.close()
    await expect.poll(() => app.context.hub.streamsOf(bob.id)).toBe(0)
    await goneFromOneWorker(bob)
    expect(presenceOf(anns, bob)).toEqual([true])
    await other.close()
    await expect.poll(() => presenceOf(anns, bob)).toEqual([true, false])
  })

  it('does not flap when a stream comes back within its grace, at another worker', async () => {
    const [one, other] = await workers(patient, aDatabase())
    const { ann, bob, conversation } = await aDirectConversation(one)
    const anns = await aStream(ann, one)
    for (const at of [one, other, one]) {
      const bobs = await aStream(bob, at)
      await expect.poll(() => presenceOf(anns, bob)).toEqual([true])
      await bobs.close()
      await expect.poll(() => at.context.hub.streamsOf(bob.id)).toBe(0)
    }
    const redis = new Redis(inject('redisUrl'))
    const keyspace = new Keyspace(() => one.context.mongo.generation)
    expect(await new RedisPresence({ redis, keyspace, worker: 'another' }).online([bob.id])).toEqual([bob.id])
    redis.disconnect()
    await upToNow(anns, ann, conversation.id)
    expect(presenceOf(anns, bob)).toEqual([true])
  })

  it('ends for those whose worker died', async () => {
    const { ann, bob } = await aDirectConversation(app)
    const anns = await aStream(ann)
    const redis = new Redis(inject('redisUrl'))
    const keyspace = new Keyspace(() => app.context.mongo.generation)
    const dead = new RedisPresence({ redis, keyspace, worker: randomUUID() })
    await dead.touch([bob.id], 100) // and never again
    await expect.poll(() => presenceOf(anns, bob).at(-1)).toBe(false)
    redis.disconnect()
  })

  it('goes on for who is there longer than a worker that says nothing is believed', async () => {
    const [one, other] = await workers({ live: 400, refreshEvery: 20, lookEvery: 20 }, aDatabase())
    const { ann, bob, conversation } = await aDirectConversation(one)
    const [anns] = [await aStream(ann, one), await aStream(bob, other)]
    await expect.poll(() => presenceOf(anns, bob)).toEqual([true])
    const until = Date.now() + 1200 // three times as long
    await expect.poll(() => Date.now()).toBeGreaterThan(until)
    await upToNow(anns, ann, conversation.id)
    await expect.poll(() => presenceOf(anns, bob).at(-1)).toBe(true)
  })

  it('is told to two who begin to talk while they are there', async () => {
    const [ann, bob] = await Promise.all([aPerson(app), aPerson(app, { name: 'Bob' })])
    const [anns, bobs] = await Promise.all([aStream(ann), aStream(bob, neighbour)])
    await ann.post('/conversations', { type: 'direct', userId: bob.id }).expect(201)
    await expect.poll(() => [presenceOf(anns, bob), presenceOf(bobs, ann)]).toEqual([[true], [true]])
  })

  it('is not told of somebody who is away to who begins to talk with them', async () => {
    const [ann, bob] = await Promise.all([aPerson(app), aPerson(app, { name: 'Bob' })])
    const anns = await aStream(ann)
    const { body } = await ann.post('/conversations', { type: 'direct', userId: bob.id }).expect(201)
    await upToNow(anns, ann, body.id)
    expect(presenceOf(anns, bob)).toEqual([])
  })

  it('is set right for a stream that was without Redis while somebody went', async () => {
    const { ann, bob } = await aDirectConversation(app)
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    const REDIS_URL = through(inject('redisUrl'), proxy)
    const cutOff = await startTestApp({ MONGO_URI, JWT_SECRET, REDIS_URL }, { presence: quick })
    started.push(cutOff)
    const [anns, bobs] = [await aStream(ann, cutOff), await aStream(bob, neighbour)]
    await expect.poll(() => presenceOf(anns, bob)).toEqual([true])
    proxy.cut()
    await bobs.close()
    await expect.poll(async () => (await app.context.users.get(bob.id)).lastSeenAt).toBeDefined()
    proxy.restore()
    await expect.poll(() => presenceOf(anns, bob), { timeout: 30_000 }).toEqual([true, false])
    expect(dataOf(anns, 'presence').at(-1)?.['lastSeenAt']).toEqual(expect.any(String))
    await anns.close()
  }, 120_000)

  it('is not told to those who only share a group, nor to strangers', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const [, member] = members
    if (!member) throw new Error('two were made')
    const [owners, strangers] = [await aStream(owner), await aStream(await aPerson(app))]
    const { ann: friend } = await aFriendOf(member)
    const friends = await aStream(friend)
    await aStream(member, neighbour)
    await expect.poll(() => presenceOf(friends, member)).toEqual([true])
    await upToNow(owners, owner, conversation.id)
    expect([presenceOf(owners, member), presenceOf(strangers, member)]).toEqual([[], []])
  })

  it('is hidden by who does not show it, at once and from newcomers, and shown again', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const anns = await aStream(ann)
    await aStream(bob, neighbour)
    await expect.poll(() => presenceOf(anns, bob)).toEqual([true])
    expect((await change(bob, { settings: { presence: false } }).expect(200)).body.settings).toMatchObject({ presence: false })
    await expect.poll(() => dataOf(anns, 'presence').at(-1)).toMatchObject({ userId: bob.id, online: false, lastSeenAt: null })
    const later = await aStream(ann, neighbour)
    const another = await aStream(bob)
    await another.close()
    await upToNow(later, ann, conversation.id)
    expect(presenceOf(later, bob)).toEqual([])
    expect(presenceOf(anns, bob)).toEqual([true, false])
    await change(bob, { settings: { presence: true } }).expect(200)
    await expect.poll(() => presenceOf(anns, bob)).toEqual([true, false, true])
  })

  it('of somebody who hides it is not told when they come and go', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    await change(bob, { settings: { presence: false } }).expect(200)
    const anns = await aStream(ann)
    const bobs = await aStream(bob, neighbour)
    await bobs.close()
    await expect.poll(async () => (await app.context.users.get(bob.id)).lastSeenAt).toBeDefined()
    await upToNow(anns, ann, conversation.id)
    expect(presenceOf(anns, bob)).toEqual([])
  })

  it('works within one process without Redis', async () => {
    const alone = await startTestApp({ REDIS_URL: '' }, { presence: quick })
    started.push(alone)
    const { ann, bob } = await aDirectConversation(alone)
    const anns = await aStream(ann, alone)
    const bobs = await aStream(bob, alone)
    await expect.poll(() => presenceOf(anns, bob)).toEqual([true])
    await bobs.close()
    await expect.poll(() => presenceOf(anns, bob)).toEqual([true, false])
  })
})

/** Until the time of the worker that they have left is over, by the clock of Redis. */
const goneFromOneWorker = async ({ id }: Person): Promise<void> => {
  const redis = new Redis(inject('redisUrl'))
  const key = new Keyspace(() => app.context.mongo.generation).presence(id)
  const there = async () => {
    const [seconds = 0, microseconds = 0] = await redis.time()
    return redis.zcount(key, `(${seconds * 1000 + Math.floor(microseconds / 1000)}`, '+inf')
  }
  await expect.poll(there).toBe(1)
  redis.disconnect()
}

/** Somebody who talks with them. */
const aFriendOf = async (person: Person) => {
  const ann = await aPerson(app)
  await ann.post('/conversations', { type: 'direct', userId: person.id }).expect(201)
  return { ann }
}

describe.each(['Redis', 'memory'])('where people are, in %s', (kind) => {
  const redis = new Redis(inject('redisUrl'))
  afterAll(() => redis.disconnect())
  const aStore = () => {
    if (kind === 'memory') return { one: new MemoryPresence(), other: undefined }
    const generation = randomUUID()
    const store = () => new RedisPresence({ redis, keyspace: new Keyspace(() => generation, 3), worker: randomUUID() })
    return { one: store(), other: store() }
  }
  const someone = () => randomUUID()
  const goneFrom = async (store: { gone(): Promise<readonly { userId: string }[]> }) => (await store.gone()).map(({ userId }) => userId)

  it('tells who was nowhere before, once', async () => {
    const { one, other = one } = aStore()
    const [ann, bob] = [someone(), someone()]
    expect(await one.touch([ann], never)).toEqual([ann])
    expect(await other.touch([ann, bob], never)).toEqual([bob])
    expect(await one.online([bob, someone(), ann])).toEqual([bob, ann])
    expect(await goneFrom(one)).toEqual([])
  })

  it('gives who has gone to one who asks, until they are forgotten or back', async () => {
    const { one, other = one } = aStore()
    const people = Array.from({ length: 20 }, someone)
    await one.touch(people, 1)
    const given: string[] = []
    await expect
      .poll(async () => {
        const both = await Promise.all([goneFrom(one), goneFrom(other)])
        given.push(...both.flat())
        return given.length
      })
      .toBe(20)
    expect(given.toSorted()).toEqual(people.toSorted())
    const [back, ...away] = people
    await other.touch([back ?? ''], never)
    expect(await one.forget(back ?? '')).toBe(false)
    for (const userId of away) expect(await one.forget(userId)).toBe(true)
    expect(await one.online(people)).toEqual([back])
    expect(await goneFrom(other)).toEqual([])
  })
})

it('counts somebody as there while one of two workers says so', async () => {
  const redis = new Redis(inject('redisUrl'))
  const generation = randomUUID()
  const store = () => new RedisPresence({ redis, keyspace: new Keyspace(() => generation, 3), worker: randomUUID() })
  const [one, other, ann] = [store(), store(), randomUUID()]
  const dueKey = new Keyspace(() => generation, 3).presenceDue(ann)
  await one.touch([ann], never)
  await other.touch([ann], 1)
  await expect.poll(async () => Number(await redis.zscore(dueKey, ann)) < Date.now()).toBe(true)
  expect(await one.gone()).toEqual([])
  expect(Number(await redis.zscore(dueKey, ann))).toBeGreaterThan(Date.now())
  expect(await other.online([ann])).toEqual([ann])
  redis.disconnect()
})
