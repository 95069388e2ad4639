import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type mongo, Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Stored } from '../src/features/consistency/index.js'
import { mend } from '../src/features/consistency/mend.js'
import type { ConversationDocument } from '../src/features/conversations/index.js'
import type { MessageDocument } from '../src/features/messages/index.js'
import type { ReceiptDocument } from '../src/features/receipts/index.js'
import { outboxEntry } from '../src/realtime/outbox-entry.js'
import { anAdmin, auditOf } from './support/administrators.js'
import { at } from './support/listening.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

/** What is behind on purpose is not waited for. */
const impatient = { consistency: { patienceMs: 0 } }
let app: TestApp
/** Another worker, which waits as long as workers do. */
let neighbour: TestApp
let admin: Person
/** Where nothing is harmed. */
let elsewhere: { readonly id: string }
beforeAll(async () => {
  app = await startTestApp({}, { ...impatient, forgetAfterMs: 0 })
  neighbour = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
  admin = await anAdmin(app)
  elsewhere = (await aGroup(app, 2, admin)).conversation
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

const stored = <D extends object>(name: string) =>
  app.context.mongo.connection.getClient().db(app.context.mongo.connection.name).collection<D>(name)
const conversations = () => stored<ConversationDocument>('conversations')
const messages = () => stored<MessageDocument>('messages')
const receipts = () => stored<ReceiptDocument>('receipts')
const idOf = (id: string) => new Types.ObjectId(id)

const check = async (id: string, body: object = {}) => (await admin.post(`/admin/conversations/${id}/check`, body).expect(200)).body
const differencesIn = async (id: string, body?: object) => (await check(id, body)).differences

/** A group of Ann, who owns it, Bob and Cy, who have said something in turns; all of it is stored. */
const aTalk = async (count = 6) => {
  const { members, conversation } = await aGroup(app, 3)
  const [ann, bob, cy] = members
  if (!ann || !bob || !cy) throw new Error('a group of three')
  for (let n = 0; n < count; n++) await (n % 2 === 0 ? ann : bob).send(conversation.id, { text: `${n}` }).expect(201)
  await expect.poll(() => differencesIn(conversation.id)).toEqual([])
  return { ann, bob, cy, id: conversation.id, _id: idOf(conversation.id) }
}
type Talk = Awaited<ReturnType<typeof aTalk>>

/** The same, of which nothing is noted any more: what is told is noted once again, and what a worker notes it stores in order. */
const aSettledTalk = async (): Promise<Talk> => {
  const talk = await aTalk()
  await expect.poll(() => messages().countDocuments({ conversationId: talk._id, outbox: { $exists: true } })).toBe(0)
  const { seq } = (await admin.send(elsewhere.id, {}).expect(201)).body
  const conversationId = idOf(elsewhere.id)
  await expect.poll(async () => (await conversations().findOne({ _id: conversationId }))?.lastSeq).toBe(seq)
  await expect.poll(async () => (await receipts().findOne({ conversationId, userId: idOf(admin.id) }))?.readSeq).toBe(seq)
  return talk
}

const never = new Date('2020-01-01T00:00:00.000Z')
const far = new Date('2040-01-01T00:00:00.000Z')
const receiptOf = ({ _id }: Talk, { id }: Person) => ({ conversationId: _id, userId: idOf(id) })

describe('the check of a conversation', () => {
  it('finds nothing where all is well: people came, spoke, edited, deleted, read and left', async () => {
    const { ann, bob, cy, id } = await aTalk()
    const { body: message } = await ann.send(id, { text: 'to be edited' }).expect(201)
    await ann.patch(`/messages/${message.id}`, { text: 'edited' }).expect(200)
    await bob.delete(`/messages/${(await bob.send(id, {}).expect(201)).body.id}?scope=all`).expect(200)
    await cy.post(`/conversations/${id}/receipts`, { readSeq: 7 }).expect(204)
    await cy.post(`/conversations/${id}/leave`, {}).expect(204)
    await ann.post(`/conversations/${id}/members`, { userIds: [(await aPerson(app)).id] }).expect(200)
    await expect.poll(async () => (await check(id)).head).toBe(10)
    await expect.poll(() => check(id)).toEqual({ conversationId: id, messages: 10, head: 10, differences: [] })
    await ann.delete(`/conversations/${id}`).expect(204)
    expect(await differencesIn(id)).toEqual([])
  })

  it('finds nothing where somebody who has spoken has deleted their account', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const ofAnn = { conversationId: idOf(conversation.id), userId: idOf(ann.id) }
    for (const from of [ann, bob, ann]) await from.send(conversation.id, {}).expect(201)
    await expect.poll(() => receipts().findOne(ofAnn)).toMatchObject({ readSeq: 3 })
    await ann.delete('/users/me').send({ password: ann.password }).expect(204)
    await expect.poll(() => receipts().countDocuments(ofAnn), { timeout: 30_000 }).toBe(0)
    expect(await differencesIn(conversation.id)).toEqual([])
  })

  it('finds nothing in one in which nobody has said anything', async () => {
    const { conversation } = await aDirectConversation(app)
    expect(await check(conversation.id)).toEqual({ conversationId: conversation.id, messages: 0, head: 0, differences: [] })
  })

  it.each<[string, (talk: Talk) => Promise<unknown>, (talk: Talk) => object[]]>([
    [
      'a lastSeq that is too high',
      ({ _id }) => conversations().updateOne({ _id }, { $set: { lastSeq: 9 } }),
      () => [{ kind: 'last_seq', stored: 9, expected: 6 }],
    ],
    [
      'a lastSeq that is too low',
      ({ _id }) => conversations().updateOne({ _id }, { $set: { lastSeq: 5 } }),
      () => [{ kind: 'last_seq', stored: 5, expected: 6 }],
    ],
    [
      'a lastMessageAt that is too late',
      ({ _id }) => conversations().updateOne({ _id }, { $set: { lastMessageAt: far } }),
      () => [{ kind: 'last_message_at', stored: far.toISOString(), expected: expect.stringMatching(/^2\d{3}-.*Z$/) }],
    ],
    [
      'a lastMessageAt that is too early',
      ({ _id }) => conversations().updateOne({ _id }, { $set: { lastMessageAt: never } }),
      () => [{ kind: 'last_message_at', stored: never.toISOString() }],
    ],
    [
      'watermarks past the newest message',
      (talk) => receipts().updateOne(receiptOf(talk, talk.bob), { $set: { deliveredSeq: 99, readSeq: 98 } }),
      ({ bob }) => [
        { kind: 'watermark_ahead', userId: bob.id, field: 'deliveredSeq', stored: 99, expected: 6 },
        { kind: 'watermark_ahead', userId: bob.id, field: 'readSeq', stored: 98, expected: 6 },
      ],
    ],
    [
      'what somebody sent and has not read',
      (talk) => receipts().updateOne(receiptOf(talk, talk.ann), { $set: { readSeq: 4 } }),
      ({ ann }) => [{ kind: 'watermark_behind', userId: ann.id, field: 'readSeq', stored: 4, expected: 5 }],
    ],
    [
      'the same of who has no receipt at all',
      (talk) => receipts().deleteOne(receiptOf(talk, talk.bob)),
      ({ bob }) => [{ kind: 'watermark_behind', userId: bob.id, field: 'readSeq', stored: 0, expected: 6 }],
    ],
    [
      'what was read and not received',
      (talk) => receipts().updateOne(receiptOf(talk, talk.bob), { $set: { deliveredSeq: 2 } }),
      ({ bob }) => [{ kind: 'watermark_behind', userId: bob.id, field: 'deliveredSeq', stored: 2, expected: 6 }],
    ],
    [
      'the receipt of somebody who was never there',
      (talk) =>
        receipts().insertOne({
          _id: new Types.ObjectId(),
          ...receiptOf(talk, admin),
          deliveredSeq: 1,
          readSeq: 1,
          deliveredSteps: [],
          readSteps: [],
        }),
      () => [{ kind: 'receipt_of_stranger', userId: admin.id, stored: 1, expected: null }],
    ],
  ])('finds %s, and mends it', async (_name, harm, expected) => {
    const talk = await aSettledTalk()
    await harm(talk)
    const found = await differencesIn(talk.id)
    expect(found).toMatchObject(expected(talk))
    expect(found).toHaveLength(expected(talk).length)
    expect(found.every((each: { repaired: boolean }) => !each.repaired)).toBe(true)
    expect(await differencesIn(talk.id)).toEqual(found) // a check alone changes nothing
    const mended = await differencesIn(talk.id, { repair: true })
    expect(mended[0]).toEqual({ ...found[0], repaired: true })
    expect(await differencesIn(talk.id)).toEqual([])
    expect(await conversations().findOne({ _id: talk._id })).toMatchObject({ lastSeq: 6 })
  })

  it('mends all that is wrong at once, and unread counts are right again', async () => {
    const talk = await aSettledTalk()
    await conversations().updateOne({ _id: talk._id }, { $set: { lastSeq: 60, lastMessageAt: far } })
    await receipts().updateOne(receiptOf(talk, talk.bob), { $set: { deliveredSeq: 50, readSeq: 50 } })
    await receipts().deleteOne(receiptOf(talk, talk.ann))
    expect(await differencesIn(talk.id, { repair: true })).toHaveLength(5)
    expect(await differencesIn(talk.id)).toEqual([])
    const unread = async (person: Person) => (await person.get(`/conversations/${talk.id}`).expect(200)).body.unreadCount
    expect([await unread(talk.ann), await unread(talk.bob), await unread(talk.cy)]).toEqual([1, 0, 6])
  })

  it('finds what cannot be mended, and leaves it: what is missing, what is there twice', async () => {
    const talk = await aTalk()
    const { _id, id, ann } = talk
    await messages().deleteMany({ conversationId: _id, seq: { $in: [2, 3, 5] } })
    await conversations().updateOne(
      { _id, 'members.userId': idOf(ann.id) },
      { $set: { 'members.$.joinedSeq': 8, 'members.$.firstSeq': 9 } },
    )
    const before = await conversations().findOne({ _id })
    const [first] = before?.members ?? []
    if (!first) throw new Error('it has members')
    await conversations().updateOne({ _id }, { $push: { members: { ...first, userId: idOf(talk.cy.id), joinedSeq: 0, firstSeq: 1 } } })
    const wanted = [
      { kind: 'seq_missing', seq: 2, stored: null, expected: 3 },
      { kind: 'seq_missing', seq: 5, stored: null, expected: 5 },
      { kind: 'member_twice', userId: talk.cy.id, stored: 2, expected: 1 },
      { kind: 'member_ahead', userId: ann.id, field: 'joinedSeq', stored: 8, expected: 6 },
      { kind: 'member_ahead', userId: ann.id, field: 'firstSeq', stored: 9, expected: 7 },
    ]
    const found = await differencesIn(id, { repair: true })
    expect(found).toMatchObject(wanted.map((each) => ({ ...each, repaired: false })))
    expect(found).toHaveLength(wanted.length)
    expect(await differencesIn(id)).toEqual(found)
  })

  it('finds a seq that is there twice, should the index that forbids it ever be lost', async () => {
    const own = await startTestApp({}, impatient)
    try {
      const zora = await anAdmin(own)
      const { ann, conversation } = await aDirectConversation(own)
      for (let n = 0; n < 3; n++) await ann.send(conversation.id, {}).expect(201)
      const there = own.context.mongo.connection.collection<MessageDocument>('messages')
      await there.dropIndex('conversation_seq')
      await there.createIndex({ conversationId: 1, seq: 1 }, { name: 'conversation_seq' })
      const second = await there.findOne({ conversationId: idOf(conversation.id), seq: 2 })
      if (!second) throw new Error('it was sent')
      await there.insertOne({ ...second, _id: new Types.ObjectId(), clientId: randomUUID() })
      const differences = async () =>
        (await zora.post(`/admin/conversations/${conversation.id}/check`, { repair: true }).expect(200)).body.differences
      await expect.poll(differences).toMatchObject([{ kind: 'seq_doubled', seq: 2, repaired: false }])
    } finally {
      await own.close()
    }
  })

  it('finds what was to be told long ago, and hands it to a worker that lives', async () => {
    const { _id, id } = await aTalk()
    await expect.poll(() => messages().countDocuments({ conversationId: _id, outbox: { $exists: true } })).toBe(0)
    const longAgo = new Date(Date.now() - 6 * 60_000)
    const lately = new Date(Date.now() - 4 * 60_000)
    const toTell = (moment: Date) => ({ $set: { outbox: [outboxEntry('nobody', 'message.created', moment)] } })
    await messages().updateOne({ conversationId: _id, seq: 3 }, toTell(longAgo))
    await messages().updateOne({ conversationId: _id, seq: 4 }, toTell(lately))
    const untold = await differencesIn(id, { repair: true })
    expect(untold).toMatchObject([{ kind: 'untold', seq: 3, document: { collection: 'messages' }, repaired: true }])
    expect(await messages().findOne({ conversationId: _id, seq: 4 })).toMatchObject({ outbox: [{ worker: 'nobody' }] })
    const isTold = async () => (await messages().findOne({ conversationId: _id, seq: 3 }))?.outbox === undefined
    await expect.poll(isTold, { timeout: 60_000 }).toBe(true)
    expect(await differencesIn(id)).toEqual([])
  }, 90_000)

  it('waits for what is on its way before it is called a difference', async () => {
    const { _id, id } = await aSettledTalk()
    await conversations().updateOne({ _id }, { $set: { lastSeq: 2 } })
    const client = neighbour.context.mongo.connection.getClient()
    let looks = 0
    const look = ({ commandName, command }: mongo.CommandStartedEvent): void => {
      if (commandName === 'find' && command.find === 'conversations' && command.filter._id?.equals(_id)) looks += 1
    }
    client.on('commandStarted', look)
    const checking = at(neighbour, admin).post(`/admin/conversations/${id}/check`, {}).expect(200)
    const catchingUp = vi
      .waitUntil(() => looks > 2, { timeout: 9000, interval: 5 }) // it has seen the difference, and looks again
      .then(() => conversations().updateOne({ _id }, { $max: { lastSeq: 6 } }))
    expect((await checking).body.differences).toEqual([])
    client.off('commandStarted', look)
    await catchingUp
  })

  it('reads a long conversation page by page, and finds what is missing where two pages meet', async () => {
    const { _id, id, ann } = await aTalk(0)
    const count = 4100
    const createdAt = new Date()
    const many = Array.from({ length: count }, (_, n) => ({
      _id: new Types.ObjectId(),
      conversationId: _id,
      seq: n + 1,
      senderId: idOf(ann.id),
      clientId: randomUUID(),
      contentHash: 'x',
      type: 'user' as const,
      text: 'hello',
      version: 1,
      createdAt,
      changedAt: createdAt,
    }))
    await messages().insertMany(many)
    expect((await differencesIn(id, { repair: true })).map(({ kind }: { kind: string }) => kind)).toEqual([
      'last_seq',
      'last_message_at',
      'watermark_behind',
    ])
    expect(await check(id)).toEqual({ conversationId: id, messages: count, head: count, differences: [] })
    await messages().deleteMany({ conversationId: _id, seq: { $gte: 2000, $lte: 2001 } })
    expect(await differencesIn(id)).toMatchObject([{ kind: 'seq_missing', seq: 2000, expected: 2001 }])
  })

  it('finds no difference that is none while people send, read, come and go', async () => {
    const { ann, bob, cy, id } = await aTalk()
    const people = [ann, bob, at(neighbour, ann), at(neighbour, bob)]
    const [count, everyMs] = [1000, 5] // 200 messages a second
    const load = new AbortController()
    const sending = (async () => {
      const answers: Promise<unknown>[] = []
      const began = performance.now()
      for (let n = 0; n < count; n++) {
        const person = people[n % people.length] ?? ann
        answers.push(
          person
            .send(id, { text: `${n}` })
            .expect(201)
            .then(({ body }) => (n % 10 === 0 ? bob.post(`/conversations/${id}/receipts`, { readSeq: body.seq }).expect(204) : undefined)),
        )
        await sleep(Math.max(0, began + n * everyMs - performance.now()))
      }
      await Promise.all(answers)
    })()
    const moving = (async () => {
      while (!load.signal.aborted) {
        await cy.post(`/conversations/${id}/leave`, {}).expect(204)
        await ann.post(`/conversations/${id}/members`, { userIds: [cy.id] }).expect(200)
        await cy.send(id, { text: 'back again' }).expect(201)
      }
    })()
    const found: unknown[] = []
    let checks = 0
    const checking = (async () => {
      for (; !load.signal.aborted; checks++) {
        const { body } = await at(neighbour, admin).post(`/admin/conversations/${id}/check`, {}).expect(200)
        found.push(...body.differences)
      }
    })()
    await sending
    load.abort()
    await Promise.all([moving, checking])
    expect(found).toEqual([])
    expect(checks).toBeGreaterThan(3)
    await expect.poll(() => differencesIn(id)).toEqual([])
    expect((await check(id)).head).toBeGreaterThan(count)
  }, 120_000)

  it('mends to what is there by then, where a message came after the difference was found', async () => {
    const { ann, _id, id } = await aTalk()
    await conversations().updateOne({ _id }, { $set: { lastSeq: 9 } })
    await ann.send(id, {}).expect(201)
    await expect.poll(() => differencesIn(id)).toMatchObject([{ kind: 'last_seq', stored: 9, expected: 7 }])
    const mending = { stored: new Stored(app.context), conversationId: _id, worker: 'this one' }
    expect(await mend(mending, { kind: 'last_seq', stored: 9, expected: 6 })).toBe(true)
    expect((await conversations().findOne({ _id }))?.lastSeq).toBe(7)
  })

  it('mends while people send, and loses nothing of what they do', async () => {
    const { ann, bob, _id, id } = await aTalk()
    const load = new AbortController()
    const sending = (async () => {
      for (let n = 0; n < 200; n++) await (n % 2 === 0 ? ann : bob).send(id, { text: `${n}` }).expect(201)
    })()
    const harming = (async () => {
      while (!load.signal.aborted) {
        await conversations().updateOne({ _id }, { $set: { lastSeq: 5000, lastMessageAt: far } })
        await check(id, { repair: true })
      }
    })()
    await sending
    load.abort()
    await harming
    await expect.poll(() => differencesIn(id)).toEqual([])
    expect((await conversations().findOne({ _id }))?.lastSeq).toBe(206)
  }, 120_000)

  it('is audited: who, what, how much was found and mended', async () => {
    const { _id, id } = await aTalk()
    await conversations().updateOne({ _id }, { $set: { lastSeq: 9 } })
    await check(id, { repair: true })
    const entries = (await auditOf(app, 'conversation.checked')).filter(({ target }) => target?.id === id)
    expect(entries.at(-1)).toMatchObject({
      actor: { kind: 'admin', id: admin.id },
      outcome: 'done',
      target: { kind: 'conversation' },
      detail: { differences: 1, repaired: 1, repair: true },
    })
  })

  it('is for administrators and machines with the scope admin alone', async () => {
    const { ann, id } = await aTalk()
    expect((await ann.post(`/admin/conversations/${id}/check`, {}).expect(403)).body.code).toBe('forbidden')
    const { body: key } = await admin.post('/admin/api-keys', { name: 'A machine', scopes: ['admin'] }).expect(201)
    const { body } = await app.request.post('/api/v1/auth/token').send({ apiKey: key.apiKey }).expect(200)
    await app.request.post(`/api/v1/admin/conversations/${id}/check`).auth(body.accessToken, { type: 'bearer' }).expect(200)
  })

  it('refuses what is no id, what is not there, and a wish that is none', async () => {
    const { id } = await aTalk(1)
    expect((await admin.post('/admin/conversations/abc/check', {}).expect(400)).body.errors[0].path).toBe('params.conversationId')
    expect((await admin.post(`/admin/conversations/${'f'.repeat(24)}/check`, {}).expect(404)).body.code).toBe('not_found')
    for (const body of [{ repair: 'yes' }, { repair: null }, { mend: true }, []]) {
      expect((await admin.post(`/admin/conversations/${id}/check`, body).expect(400)).body.code).toBe('validation_failed')
    }
  })
})
