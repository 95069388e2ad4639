import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { ReceiptDocument } from '../src/features/receipts/index.js'
import { raise } from '../src/features/receipts/raise.js'
import { AccessTokens } from '../src/platform/access-tokens.js'
import { outboxEntry } from '../src/realtime/outbox-entry.js'
import { hasDied } from './support/dead-worker.js'
import { aStream as aStreamAt } from './support/listening.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import type { SseClient } from './support/sse-client.js'
import { countCommands, dataOf } from './support/streams.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'
import { aDatabase, startTestApp, type TestApp } from './support/test-app.js'

const deadlineMs = 30_000
const MONGO_URI = aDatabase()
const JWT_SECRET = 'the same secret for both workers, long enough'
let app: TestApp
/** Another worker over the same database and Redis. */
let neighbour: TestApp
beforeAll(async () => {
  ;[app, neighbour] = await Promise.all([startTestApp({ MONGO_URI, JWT_SECRET }), startTestApp({ MONGO_URI, JWT_SECRET })])
})
afterAll(async () => {
  await Promise.all([app.close(), neighbour.close()])
})

const aStream = (person: Person, at: TestApp = app): Promise<SseClient> => aStreamAt(person, at)

const post = (person: Person, conversationId: string, receipt: object, at: TestApp = app) =>
  at.request.post(`/api/v1/conversations/${conversationId}/receipts`).auth(person.accessToken, { type: 'bearer' }).send(receipt)
const conversationOf = async (person: Person, id: string, at: TestApp = app) =>
  (await at.request.get(`/api/v1/conversations/${id}`).auth(person.accessToken, { type: 'bearer' }).expect(200)).body
const receiptsIn = (conversationId: string): Promise<ReceiptDocument[]> =>
  app.context.mongo.connection
    .collection<ReceiptDocument>('receipts')
    .find({ conversationId: new Types.ObjectId(conversationId) })
    .toArray()

interface Seen {
  readonly userId: string
  readonly deliveredSeq: number
  readonly readSeq: number
}
/** What a stream was told of watermarks, one by one. */
const seenBy = (stream: SseClient): Seen[] =>
  dataOf(stream, 'receipt.updated').flatMap(({ userId, deliveredSeq, readSeq, receipts = [] }) =>
    [{ userId, deliveredSeq, readSeq } as Seen].concat(receipts as Seen[]),
  )

/** Ann has sent `count` messages to Bob. */
const sentToBob = async (count: number) => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  for (let n = 1; n <= count; n++) await ann.send(conversation.id, { text: String(n) }).expect(201)
  await expect.poll(async () => (await conversationOf(ann, conversation.id)).lastSeq).toBe(count)
  return { ann, bob, id: conversation.id }
}

describe('a receipt', () => {
  it('is stored when it is answered: whoever asks next sees it, at any worker', async () => {
    const { ann, bob, id } = await sentToBob(5)
    await post(bob, id, { deliveredSeq: 4, readSeq: 3 }).expect(204)
    const seen = await conversationOf(bob, id, neighbour)
    expect(seen).toMatchObject({ unreadCount: 2, my: { deliveredSeq: 4, readSeq: 3 } })
    expect(seen.members).toContainEqual(expect.objectContaining({ userId: bob.id, deliveredSeq: 4, readSeq: 3 }))
    expect((await conversationOf(ann, id, neighbour)).members).toEqual(seen.members)
  })

  it('only rises, each watermark for itself', async () => {
    const { bob, id } = await sentToBob(5)
    await post(bob, id, { deliveredSeq: 5 }).expect(204)
    await post(bob, id, { readSeq: 2 }).expect(204)
    await post(bob, id, { deliveredSeq: 1, readSeq: 0 }, neighbour).expect(204)
    expect((await conversationOf(bob, id)).my).toMatchObject({ deliveredSeq: 5, readSeq: 2 })
  })

  it('of reading is one of receiving', async () => {
    const { bob, id } = await sentToBob(3)
    await post(bob, id, { deliveredSeq: 1, readSeq: 3 }).expect(204)
    expect((await conversationOf(bob, id)).my).toMatchObject({ deliveredSeq: 3, readSeq: 3 })
  })

  it.each(['deliveredSeq', 'readSeq'])('whose %s is past the newest message is refused, and changes nothing', async (name) => {
    const { bob, id } = await sentToBob(2)
    for (const at of [app, neighbour]) {
      const { body } = await post(bob, id, { [name]: 3 }, at).expect(400)
      expect(body).toMatchObject({ code: 'validation_failed', errors: [{ path: `body.${name}`, message: 'past the newest message' }] })
    }
    expect((await receiptsIn(id)).filter(({ userId }) => userId.toHexString() === bob.id)).toEqual([])
  })

  it('is measured by the messages, not by the conversation’s lastSeq, which follows later', async () => {
    const { bob, id } = await sentToBob(2)
    await app.context.mongo.connection.collection('conversations').updateOne({ _id: new Types.ObjectId(id) }, { $set: { lastSeq: 0 } })
    await post(bob, id, { readSeq: 2 }, neighbour).expect(204)
    expect(await conversationOf(bob, id)).toMatchObject({ unreadCount: 0, my: { readSeq: 2 } })
  })

  const refused: [string, object, string][] = [
    ['nothing', {}, 'body'],
    ['a negative seq', { readSeq: -1 }, 'body.readSeq'],
    ['half a seq', { deliveredSeq: 1.5 }, 'body.deliveredSeq'],
    ['a seq that is no number', { readSeq: '1' }, 'body.readSeq'],
    ['null', { readSeq: null }, 'body.readSeq'],
    ['an operator', { readSeq: { $gt: 0 } }, 'body.readSeq'],
    ['a seq too large to be one', { readSeq: 2 ** 60 }, 'body.readSeq'],
    ['more than it takes', { readSeq: 1, userId: '0'.repeat(24) }, 'body'],
  ]
  it.each(refused)('with %s is refused', async (_name, receipt, path) => {
    const { bob, id } = await sentToBob(1)
    const { body } = await post(bob, id, receipt).expect(400)
    expect(body.errors[0].path).toBe(path)
  })

  it('is none of an outsider’s business, who cannot tell that the conversation exists', async () => {
    const { id } = await sentToBob(1)
    const outsider = await aPerson(app)
    for (const [of, receipt] of [
      [id, { readSeq: 1 }],
      [id, { readSeq: 99 }],
      ['f'.repeat(24), { readSeq: 1 }],
    ] as const) {
      expect((await post(outsider, of, receipt).expect(404)).body.code).toBe('not_found')
    }
  })
})

describe('many receipts at once', () => {
  it('of one member are few writes, and all are answered when they are stored', async () => {
    const { bob, id } = await sentToBob(20)
    const caller = { userId: bob.id, sessionId: '' }
    const writes = await countCommands(app, 'update', 'receipts', () =>
      Promise.all(
        Array.from({ length: 100 }, (_, n) => app.context.receipts.record(caller, id, { deliveredSeq: (n % 20) + 1, readSeq: n % 11 })),
      ),
    )
    expect(writes).toBeGreaterThan(0)
    expect(writes).toBeLessThan(50)
    expect((await conversationOf(bob, id, neighbour)).my).toMatchObject({ deliveredSeq: 20, readSeq: 10 })
  })

  it('from two workers leave one document with the highest, its steps in order, and its last state told', async () => {
    const { ann, bob, id } = await sentToBob(60)
    const stream = await aStream(ann)
    await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        post(bob, id, n % 2 ? { deliveredSeq: n + 1 } : { readSeq: n + 1 }, n % 3 ? app : neighbour).expect(204),
      ),
    )
    const stored = (await receiptsIn(id)).filter(({ userId }) => userId.toHexString() === bob.id)
    expect(stored).toMatchObject([{ deliveredSeq: 60, readSeq: 59 }])
    for (const steps of [stored[0]?.deliveredSteps ?? [], stored[0]?.readSteps ?? []]) {
      expect(steps.length).toBeGreaterThan(0)
      expect(steps.map(({ seq }) => seq)).toEqual(steps.map(({ seq }) => seq).toSorted((a, b) => a - b))
    }
    await expect.poll(() => seenBy(stream).at(-1), { timeout: deadlineMs }).toEqual({ userId: bob.id, deliveredSeq: 60, readSeq: 59 })
  })

  it('that change nothing are not written, and not told', async () => {
    const { ann, bob, id } = await sentToBob(3)
    const stream = await aStream(ann)
    await post(bob, id, { readSeq: 2 }).expect(204)
    await expect.poll(() => seenBy(stream)).toHaveLength(1)
    const before = await receiptsIn(id)
    for (const at of [app, neighbour]) {
      await post(bob, id, { readSeq: 2 }, at).expect(204)
      await post(bob, id, { deliveredSeq: 1, readSeq: 1 }, at).expect(204)
    }
    expect(await receiptsIn(id)).toEqual(before)
    await post(bob, id, { readSeq: 3 }).expect(204)
    await expect.poll(() => seenBy(stream).at(-1)).toMatchObject({ readSeq: 3 })
    expect(seenBy(stream)).toHaveLength(2)
  })
})

describe('unread', () => {
  it('is what others have sent since one read, or sent', async () => {
    const { ann, bob, id } = await sentToBob(3)
    expect(await conversationOf(bob, id)).toMatchObject({ unreadCount: 3 })
    expect(await conversationOf(ann, id)).toMatchObject({ unreadCount: 0, my: { deliveredSeq: 3, readSeq: 3 } })
    await bob.send(id, {}).expect(201)
    await ann.send(id, {}).expect(201)
    await expect.poll(() => conversationOf(bob, id)).toMatchObject({ unreadCount: 1, my: { readSeq: 4 }, lastSeq: 5 })
    await expect.poll(() => conversationOf(bob, id, neighbour)).toMatchObject({ unreadCount: 1, my: { readSeq: 4 } })
  })

  it('never counts one’s own message, not even before that is stored', async () => {
    const { ann, id } = await sentToBob(0)
    for (let n = 1; n <= 10; n++) {
      await ann.send(id, {}).expect(201)
      expect(await conversationOf(ann, id)).toMatchObject({ unreadCount: 0, my: { readSeq: n } })
    }
  })

  it('does not cost a write for each message that one sends', async () => {
    const { ann, id } = await sentToBob(0)
    const writes = await countCommands(app, 'update', 'receipts', async () => {
      const caller = { userId: ann.id, sessionId: '' }
      await Promise.all(Array.from({ length: 60 }, () => app.context.messages.send(caller, id, { clientId: randomUUID(), text: 'hello' })))
      await expect.poll(async () => (await conversationOf(ann, id, neighbour)).my.readSeq).toBe(60)
    })
    expect(writes).toBeLessThan(30)
  })

  it('of a sender is told by the message itself, by no other event', async () => {
    const { ann, bob, id } = await sentToBob(0)
    const stream = await aStream(ann)
    await ann.send(id, {}).expect(201)
    await expect.poll(async () => (await conversationOf(ann, id, neighbour)).my.readSeq).toBe(1)
    await post(bob, id, { readSeq: 1 }).expect(204)
    await expect.poll(() => seenBy(stream)).toEqual([{ userId: bob.id, deliveredSeq: 1, readSeq: 1 }])
  })

  it('counts from one’s joining', async () => {
    const { bob, id } = await sentToBob(4)
    await app.context.mongo.connection
      .collection('conversations')
      .updateOne(
        { _id: new Types.ObjectId(id) },
        { $set: { 'members.$[bob].joinedSeq': 3 } },
        { arrayFilters: [{ 'bob.userId': new Types.ObjectId(bob.id) }] },
      )
    expect(await conversationOf(bob, id)).toMatchObject({ unreadCount: 1, my: { joinedSeq: 3 } })
    await post(bob, id, { readSeq: 2 }).expect(204)
    expect(await conversationOf(bob, id)).toMatchObject({ unreadCount: 1, my: { readSeq: 2 } })
  })

  it('is mended when the worker that stored a message died before it noted that its sender has read it', async () => {
    const { ann, id } = await sentToBob(0)
    const { connection } = app.context.mongo
    const dead = randomUUID()
    const conversationId = new Types.ObjectId(id)
    const text = { clientId: randomUUID(), contentHash: 'x', type: 'user', text: 'left', version: 1, createdAt: new Date() }
    const outbox = [{ eventId: randomUUID(), worker: dead, at: new Date(), type: 'message.created' }]
    await connection.collection('messages').insertOne({ conversationId, seq: 1, senderId: new Types.ObjectId(ann.id), ...text, outbox })
    await hasDied(app, dead)
    await Promise.all([app.context.sweeper.sweep(), neighbour.context.sweeper.sweep()])
    await expect.poll(() => conversationOf(ann, id)).toMatchObject({ lastSeq: 1, unreadCount: 0, my: { readSeq: 1 } })
  })

  it('of a page of conversations, and all watermarks that it shows, take one query, by the index', async () => {
    const { ann } = await sentToBob(1)
    for (let n = 0; n < 4; n++) await aGroup(app, 4, ann)
    let page: { items: { unreadCount: number }[] } = { items: [] }
    const listing = async () => {
      page = (await ann.get('/conversations').expect(200)).body
    }
    const finds = await countCommands(app, 'find', 'receipts', listing)
    expect(page.items).toHaveLength(5)
    expect(finds).toBe(1)
    const branches = page.items.map(() => ({
      conversationId: new Types.ObjectId(),
      userId: { $in: [new Types.ObjectId(), new Types.ObjectId()] },
    }))
    const plan = await app.context.mongo.connection.collection('receipts').find({ $or: branches }).explain()
    expect(JSON.stringify(plan)).toContain('conversation_user')
    expect(JSON.stringify(plan)).not.toContain('COLLSCAN')
  })
})

describe('the members of a group', () => {
  it('are shown with their watermarks, wherever they are shown', async () => {
    const { owner, members, conversation } = await aGroup(app, 3)
    const [, ann] = members
    if (!ann) throw new Error('three were made')
    await owner.send(conversation.id, {}).expect(201)
    await post(ann, conversation.id, { deliveredSeq: 1 }).expect(204)
    const ask = (method: 'get' | 'patch' | 'post' | 'delete', path: string) =>
      neighbour.request[method](`/api/v1/conversations/${conversation.id}${path}`).auth(owner.accessToken, { type: 'bearer' })
    const hers = expect.objectContaining({ userId: ann.id, deliveredSeq: 1, readSeq: 0 })
    expect((await ask('get', '/members').expect(200)).body.items).toContainEqual(hers)
    expect((await ask('patch', '').send({ name: 'Another' }).expect(200)).body.members).toContainEqual(hers)
    expect((await ask('patch', `/members/${ann.id}`).send({ role: 'admin' }).expect(200)).body).toEqual(hers)
    await ask('delete', `/members/${ann.id}`).expect(204)
    expect(
      (
        await ask('post', '/members')
          .send({ userIds: [ann.id] })
          .expect(200)
      ).body.items,
    ).toEqual([hers])
  })

  it('count as unread what came since they joined again', async () => {
    const { owner, members, conversation } = await aGroup(app, 3)
    const [, ann] = members
    if (!ann) throw new Error('three were made')
    await owner.send(conversation.id, {}).expect(201)
    await post(ann, conversation.id, { readSeq: 1 }).expect(204)
    await ann.post(`/conversations/${conversation.id}/leave`, {}).expect(204)
    expect((await post(ann, conversation.id, { readSeq: 1 }).expect(404)).body.code).toBe('not_found')
    expect((await post(ann, conversation.id, { readSeq: 1 }, neighbour)).status).toBe(404)
    for (let n = 0; n < 3; n++) await owner.send(conversation.id, {}).expect(201)
    await expect.poll(async () => (await conversationOf(owner, conversation.id)).lastSeq).toBe(5) // with the message of her leaving
    await owner.post(`/conversations/${conversation.id}/members`, { userIds: [ann.id] }).expect(200)
    await expect
      .poll(() => conversationOf(ann, conversation.id))
      .toMatchObject({ lastSeq: 6, unreadCount: 1, my: { joinedSeq: 5, readSeq: 2 } })
  })
})

describe('receipt.updated', () => {
  it('tells the others at every worker of the whole state, each time it changes', async () => {
    const { ann, bob, id } = await sentToBob(3)
    const streams = await Promise.all([aStream(ann), aStream(bob, neighbour)])
    await post(bob, id, { deliveredSeq: 2 }).expect(204)
    await expect.poll(() => seenBy(streams[0])).toHaveLength(1)
    await post(bob, id, { readSeq: 3 }).expect(204)
    for (const stream of streams) {
      await expect
        .poll(() => seenBy(stream))
        .toEqual([
          { userId: bob.id, deliveredSeq: 2, readSeq: 0 },
          { userId: bob.id, deliveredSeq: 3, readSeq: 3 },
        ])
    }
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    expect(dataOf(streams[0], 'receipt.updated')[1]).toEqual({
      type: 'receipt.updated',
      conversationId: id,
      at: time,
      userId: bob.id,
      deliveredSeq: 3,
      readSeq: 3,
    })
  })

  it('is told by another worker where the one that stored it died first, together where they are many', async () => {
    const { owner, members, conversation } = await aGroup(app, 12)
    await owner.send(conversation.id, {}).expect(201)
    const stream = await aStream(owner)
    const dead = randomUUID()
    const { connection } = app.context.mongo
    const step = { seq: 1, at: new Date() }
    await connection.collection('receipts').insertMany(
      members.slice(1).map(({ id }) => ({
        conversationId: new Types.ObjectId(conversation.id),
        userId: new Types.ObjectId(id),
        deliveredSeq: 1,
        readSeq: 1,
        deliveredSteps: [step],
        readSteps: [step],
        outbox: [{ eventId: randomUUID(), worker: dead, at: new Date(), type: 'receipt.updated' }],
      })),
    )
    await hasDied(app, dead)
    await Promise.all([app.context.sweeper.sweep(), neighbour.context.sweeper.sweep()])
    await expect.poll(() => seenBy(stream).length, { timeout: deadlineMs }).toBe(11)
    expect(new Set(seenBy(stream).map(({ userId }) => userId))).toEqual(new Set(members.slice(1).map(({ id }) => id)))
    expect(dataOf(stream, 'receipt.updated')).toHaveLength(1)
  })

  it('is told when Redis is back, where it was away when it was stored', async () => {
    const { ann, bob, id } = await sentToBob(2)
    const stream = await aStream(ann)
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    const REDIS_URL = through(inject('redisUrl'), proxy)
    const cutOff = await startTestApp({ MONGO_URI, JWT_SECRET, REDIS_URL, LOG_LEVEL: 'warn' })
    proxy.cut()
    await post(bob, id, { deliveredSeq: 2, readSeq: 1 }, cutOff).expect(204)
    expect((await conversationOf(bob, id)).my).toMatchObject({ deliveredSeq: 2, readSeq: 1 })
    await expect.poll(() => cutOff.logs.join('')).toContain('an event was not published yet')
    proxy.restore()
    await expect.poll(() => seenBy(stream), { timeout: deadlineMs }).toEqual([{ userId: bob.id, deliveredSeq: 2, readSeq: 1 }])
    await cutOff.close()
    await proxy.close()
  })

  it('of 500 who read at once is a handful of events, at two workers, and leaves nobody out', async () => {
    const { ann } = await sentToBob(0)
    const readers = Array.from({ length: 500 }, () => new Types.ObjectId())
    const group = await ann.post('/conversations', { type: 'group', name: 'All', memberIds: [(await aPerson(app)).id] }).expect(201)
    const joinedAt = new Date()
    await app.context.mongo.connection
      .collection<{ members: object[] }>('conversations')
      .updateOne(
        { _id: new Types.ObjectId(group.body.id as string) },
        { $push: { members: { $each: readers.map((userId) => ({ userId, role: 'member', joinedAt, joinedSeq: 0 })) } } },
      )
    const stream = await aStream(ann)
    for (let n = 0; n < 3; n++) await ann.send(group.body.id, {}).expect(201)
    const tokens = new AccessTokens(app.context.config.tokens)
    const begun = performance.now()
    for (const readSeq of [1, 2, 3]) {
      await Promise.all(
        readers.map(async (reader, n) => {
          const userId = reader.toHexString()
          const [here, there] = n % 2 ? [app, neighbour] : [neighbour, app]
          await here.context.receipts.record({ userId, sessionId: userId }, group.body.id, { readSeq })
          if (n % 25 > 0) return
          const seen = there.request
            .get(`/api/v1/conversations/${group.body.id}`)
            .auth(tokens.sign({ userId, sessionId: userId }), { type: 'bearer' })
          expect((await seen.expect(200)).body.my.readSeq).toBe(readSeq)
        }),
      )
    }
    const last = () => new Map(seenBy(stream).map(({ userId, readSeq }) => [userId, readSeq]))
    await expect.poll(() => [...last().values()].filter((readSeq) => readSeq === 3).length, { timeout: deadlineMs }).toBe(500)
    const toldAt = stream.events.filter(({ event }) => event === 'receipt.updated').map(({ id }) => Number(/\.(\d+)-/.exec(id ?? '')?.[1]))
    // In any second, wherever it begins.
    for (const at of toldAt) expect(toldAt.filter((other) => other >= at && other < at + 1000).length).toBeLessThan(50)
    const tellings = new Map<string, number>()
    for (const { userId } of seenBy(stream)) tellings.set(userId, (tellings.get(userId) ?? 0) + 1)
    const seconds = (performance.now() - begun) / 1000
    expect(Math.max(...tellings.values())).toBeLessThanOrEqual(Math.ceil(seconds) + 1)
  })
})

describe('the receipts of a message', () => {
  const receiptsOf = (person: Person, messageId: string, at: TestApp = app) =>
    at.request.get(`/api/v1/messages/${messageId}/receipts`).auth(person.accessToken, { type: 'bearer' })

  it('are those of its conversation’s other members, whose watermarks are at it or past it', async () => {
    const { owner, members, conversation } = await aGroup(app, 4)
    const [, ann, bob, carol] = members
    if (!ann || !bob || !carol) throw new Error('four were made')
    const sent: { id: string }[] = []
    for (let n = 0; n < 3; n++) sent.push((await owner.send(conversation.id, {}).expect(201)).body)
    await post(ann, conversation.id, { readSeq: 2 }).expect(204)
    await post(bob, conversation.id, { deliveredSeq: 3 }).expect(204)
    await post(bob, conversation.id, { readSeq: 1 }).expect(204)
    const ids = (items: { userId: string }[]) => items.map(({ userId }) => userId)
    const expected = [
      [
        [ann.id, bob.id],
        [ann.id, bob.id],
      ],
      [[ann.id, bob.id], [ann.id]],
      [[bob.id], []],
    ]
    for (const [n, message] of sent.entries()) {
      const { body } = await receiptsOf(carol, message.id, neighbour).expect(200)
      expect([ids(body.deliveredTo), ids(body.readBy)]).toEqual(expected[n])
    }
  })

  it('say when: at the step that reached it, not at a later one', async () => {
    const { ann, bob, id } = await sentToBob(3)
    await post(bob, id, { deliveredSeq: 2 }).expect(204)
    const [first] = await receiptsIn(id).then((all) => all.filter(({ userId }) => userId.toHexString() === bob.id))
    await post(bob, id, { readSeq: 3 }).expect(204)
    const [second] = await receiptsIn(id).then((all) => all.filter(({ userId }) => userId.toHexString() === bob.id))
    const delivered = first?.deliveredSteps[0]?.at.toISOString()
    const read = second?.readSteps[0]?.at.toISOString()
    expect(read === undefined || delivered === undefined || read < delivered).toBe(false)
    const { body } = await ann.get(`/conversations/${id}/messages`).expect(200)
    const answers = await Promise.all(body.items.map(async (item: { id: string }) => (await receiptsOf(ann, item.id).expect(200)).body))
    expect(answers[0]).toEqual({ deliveredTo: [{ userId: bob.id, at: delivered }], readBy: [{ userId: bob.id, at: read }] })
    expect(answers[2]).toEqual({ deliveredTo: [{ userId: bob.id, at: read }], readBy: [{ userId: bob.id, at: read }] })
  })

  it('are told of old messages too, when more steps were taken than are kept', async () => {
    const { ann, bob, id } = await sentToBob(1)
    const { connection } = app.context.mongo
    const collection = connection.getClient().db(connection.name).collection<ReceiptDocument>('receipts')
    const untold = { entry: () => outboxEntry('nobody', 'receipt.updated', new Date()), deadlineMs }
    for (let seq = 1; seq <= 121; seq++) {
      await raise(collection, [{ conversationId: id, userId: bob.id, deliveredSeq: seq, readSeq: seq, tell: false }], untold)
    }
    const stored = (await receiptsIn(id)).find(({ userId }) => userId.toHexString() === bob.id)
    expect(stored?.readSteps).toHaveLength(100)
    expect(stored?.readSteps[0]?.seq).toBe(22)
    const { body } = await ann.get(`/conversations/${id}/messages?afterSeq=0&limit=1`).expect(200)
    const answer = await receiptsOf(ann, body.items[0].id).expect(200)
    expect(answer.body.readBy).toEqual([{ userId: bob.id, at: stored?.readSteps[0]?.at.toISOString() }])
  })

  it('leave out who came after it, and who has gone', async () => {
    const { owner, members, conversation } = await aGroup(app, 3)
    const [, ann, bob] = members
    if (!ann || !bob) throw new Error('three were made')
    const { body: message } = await owner.send(conversation.id, {}).expect(201)
    for (const person of [ann, bob]) await post(person, conversation.id, { readSeq: 1 }).expect(204)
    const conversations = app.context.mongo.connection.collection<{ members: object[] }>('conversations')
    const filter = { _id: new Types.ObjectId(conversation.id) }
    await conversations.updateOne(filter, { $set: { 'members.1.joinedSeq': 1 } })
    await conversations.updateOne(filter, { $pull: { members: { userId: new Types.ObjectId(bob.id) } } })
    expect((await receiptsOf(owner, message.id).expect(200)).body).toEqual({ deliveredTo: [], readBy: [] })
  })

  it('are none of an outsider’s business, and there are none of what is no message', async () => {
    const { ann, id } = await sentToBob(1)
    const { body } = await ann.get(`/conversations/${id}/messages`).expect(200)
    const outsider = await aPerson(app)
    expect((await receiptsOf(outsider, body.items[0].id).expect(404)).body.code).toBe('not_found')
    expect((await receiptsOf(ann, 'f'.repeat(24)).expect(404)).body.code).toBe('not_found')
    expect((await receiptsOf(ann, 'nonsense').expect(400)).body.errors[0].path).toBe('params.messageId')
  })
})
