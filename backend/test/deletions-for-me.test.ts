import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MessageDocument } from '../src/features/messages/index.js'
import { encodeSince } from '../src/http/since.js'
import { type OutboxEntry, outboxEntry } from '../src/realtime/outbox-entry.js'
import { hasDied } from './support/dead-worker.js'
import { logOf, messagesOf, openStream, positionOf, resumeOf, settled, shortOf } from './support/message-stream.js'
import { aDirectConversation, aGroup, type Person } from './support/people.js'
import type { SseClient } from './support/sse-client.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let neighbour: TestApp
beforeAll(async () => {
  app = await startTestApp()
  neighbour = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

const stored = () => app.context.mongo.connection.collection<MessageDocument>('messages')
const storedAs = (id: string) => stored().findOne({ _id: new Types.ObjectId(id) })
const hide = (person: Person, id: string) => person.delete(`/messages/${id}?scope=me`)
const edit = (person: Person, id: string, text: string) => person.patch(`/messages/${id}`, { text })

/** What a worker has still to tell. */
const leftBehind = (bob: Person): OutboxEntry => outboxEntry(randomUUID(), 'message.deleted', new Date(), { userId: bob.id, version: '1' })
const swept = async (stream: SseClient): Promise<string[]> => {
  await Promise.all([app.context.sweeper.sweep(), neighbour.context.sweeper.sweep()])
  return shortOf(stream)
}

/** Ann's message to Bob, which he has been told. */
const aMessage = async () => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  await settled(app, conversation.id)
  const clientId = randomUUID()
  const { body: message } = await ann.send(conversation.id, { clientId, text: 'secret' }).expect(201)
  await expect.poll(() => logOf(app, conversation.id)).toContain('secret')
  const page = async (person: Person, query = '') =>
    (await person.get(`/conversations/${conversation.id}/messages${query}`).expect(200)).body.items
  return { ann, bob, conversation, clientId, message, page }
}

describe('deleting a message for oneself', () => {
  it('answers 200 with a tombstone in its place, which one reads from then on, wherever, and nobody else', async () => {
    const { ann, bob, message, page } = await aMessage()
    const { body: tombstone } = await hide(bob, message.id).expect(200)
    expect(tombstone).toEqual({ ...message, text: null, deletedAt: expect.any(String) })
    expect((await bob.get(`/messages/${message.id}`).expect(200)).body).toEqual(tombstone)
    for (const query of ['', '?afterSeq=0', '?beforeSeq=2', '?aroundSeq=1', `?changedSince=${encodeSince(new Date(0))}`]) {
      expect(await page(bob, query)).toEqual([tombstone])
      expect(await page(ann, query)).toEqual([message])
    }
    expect((await ann.get(`/messages/${message.id}`).expect(200)).body).toEqual(message)
  })

  it('shows nothing of what the message was or comes to be, whatever a message may have', async () => {
    const { ann, bob, message, page } = await aMessage()
    await edit(ann, message.id, 'another secret').expect(200)
    await hide(bob, message.id).expect(200)
    await edit(ann, message.id, 'the last secret').expect(200)
    const [tombstone] = await page(bob)
    expect(tombstone).toMatchObject({ id: message.id, seq: 1, text: null, editedAt: null, deletedAt: expect.any(String) })
    expect(JSON.stringify(tombstone)).not.toContain('secret')
    expect((await page(ann))[0].text).toBe('the last secret')
  })

  it('changes nothing the second time, however often and at however many workers it is asked for at once', async () => {
    const { bob, message } = await aMessage()
    const at = (worker: TestApp) =>
      worker.request.delete(`/api/v1/messages/${message.id}?scope=me`).auth(bob.accessToken, { type: 'bearer' }).expect(200)
    const answers = await Promise.all([app, neighbour, app, neighbour, app, neighbour].map(at))
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1)
    const before = await storedAs(message.id)
    expect(before?.hiddenFor).toEqual([new Types.ObjectId(bob.id)])
    expect(before?.hiddenAt).toHaveLength(1)
    expect((await hide(bob, message.id).expect(200)).body).toEqual(answers[0]?.body)
    expect((await storedAs(message.id))?.hiddenFor).toHaveLength(1)
  })

  it('is for each by themselves, all at once', async () => {
    const { owner, members, conversation } = await aGroup(app, 6)
    const { body: message } = await owner.send(conversation.id, { text: 'secret' }).expect(201)
    const hiding = members.slice(1)
    await Promise.all(hiding.map((person) => hide(person, message.id).expect(200)))
    for (const person of hiding) expect((await person.get(`/messages/${message.id}`).expect(200)).body.text).toBeNull()
    expect((await owner.get(`/messages/${message.id}`).expect(200)).body.text).toBe('secret')
    const kept = await storedAs(message.id)
    expect(kept?.hiddenFor).toHaveLength(5)
    expect(kept?.hiddenAt).toHaveLength(5)
  })

  it('is possible for a system message too, which says nothing any more', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    await owner.patch(`/conversations/${conversation.id}`, { name: 'The valley' }).expect(200)
    const read = async (person: Person) => (await person.get(`/conversations/${conversation.id}/messages`).expect(200)).body.items
    await expect.poll(() => read(owner)).toHaveLength(1)
    const [said] = await read(owner)
    expect(said).toMatchObject({ type: 'system', system: { event: 'conversation.renamed', name: 'The valley' } })
    await hide(owner, said.id).expect(200)
    expect(await read(owner)).toEqual([{ ...said, system: null, deletedAt: expect.any(String) }])
    expect(await read(members[1] ?? owner)).toEqual([said])
  })

  it('leaves a retry of the send what it is: 200 with the tombstone', async () => {
    const { ann, conversation, clientId, message } = await aMessage()
    const { body: tombstone } = await hide(ann, message.id).expect(200)
    expect((await ann.send(conversation.id, { clientId, text: 'secret' }).expect(200)).body).toEqual(tombstone)
    await ann.send(conversation.id, { clientId, text: 'another' }).expect(409)
  })

  it('ends what one could do to it but to delete it for all', async () => {
    const { ann, bob, message, page } = await aMessage()
    await hide(ann, message.id).expect(200)
    expect((await edit(ann, message.id, 'more').expect(409)).body).toMatchObject({ code: 'conflict', detail: 'The message is deleted' })
    expect((await page(bob))[0].text).toBe('secret')
    const { body: tombstone } = await ann.delete(`/messages/${message.id}?scope=all`).expect(200)
    expect(tombstone.version).toBe(2)
    expect(await page(bob)).toEqual([tombstone])
    expect(await page(ann)).toEqual([tombstone])
  })

  it('of what is deleted for all changes nothing', async () => {
    const { ann, bob, message } = await aMessage()
    const { body: tombstone } = await ann.delete(`/messages/${message.id}?scope=all`).expect(200)
    const before = await storedAs(message.id)
    expect((await hide(bob, message.id).expect(200)).body).toEqual(tombstone)
    expect(await storedAs(message.id)).toEqual(before)
  })

  it('and for all at the same time ends in the tombstone of all, with nobody’s name in it', async () => {
    const { ann, bob, conversation } = await aMessage()
    for (let n = 0; n < 10; n++) {
      const { body } = await ann.send(conversation.id, { text: 'secret' }).expect(201)
      await Promise.all([hide(bob, body.id).expect(200), ann.delete(`/messages/${body.id}?scope=all`).expect(200)])
      const tombstone = await storedAs(body.id)
      expect(tombstone).toMatchObject({ text: null, deletedAt: expect.any(Date), version: 2 })
      expect(tombstone).not.toHaveProperty('hiddenFor')
      expect(tombstone).not.toHaveProperty('hiddenAt')
    }
  })

  it('is 404 for who is not in the conversation, who came after the message and may not see it, and where there is none', async () => {
    const { message } = await aMessage()
    const { owner, conversation } = await aGroup(app, 2)
    const { ann: newcomer } = await aDirectConversation(app)
    await owner.patch(`/conversations/${conversation.id}`, { settings: { history: 'joined' } }).expect(200)
    const { body: early } = await owner.send(conversation.id, { text: 'early' }).expect(201)
    await owner.post(`/conversations/${conversation.id}/members`, { userIds: [newcomer.id] }).expect(200)
    for (const id of [message.id, early.id, new Types.ObjectId().toHexString()]) await hide(newcomer, id).expect(404)
    expect(await storedAs(early.id)).not.toHaveProperty('hiddenFor')
  })

  it('is not done where too many have done it, or too much of it waits to be told', async () => {
    const { bob, message } = await aMessage()
    const one = { _id: new Types.ObjectId(message.id) }
    const hiddenFor = Array.from({ length: 20_000 }, () => new Types.ObjectId())
    await stored().updateOne(one, { $set: { hiddenFor, hiddenAt: hiddenFor.map(() => new Date()) } })
    expect((await hide(bob, message.id).expect(409)).body.code).toBe('conflict')
    const entry = { worker: 'another', at: new Date(), type: 'message.deleted' as const, data: { userId: bob.id, version: '1' } }
    const outbox = Array.from({ length: 2024 }, () => ({ ...entry, eventId: randomUUID() }))
    await stored().updateOne(one, { $set: { outbox }, $unset: { hiddenFor: '', hiddenAt: '' } })
    expect((await hide(bob, message.id).expect(503)).body.code).toBe('service_unavailable')
    await stored().updateOne(one, { $unset: { outbox: '' } })
  })
})

describe('that a message is deleted for oneself', () => {
  it('is told to all of one’s own devices, once, and to nobody else', async () => {
    const { ann, bob, conversation, message } = await aMessage()
    const mine = [await openStream(app, bob), await openStream(neighbour, bob)]
    const others = await openStream(app, ann)
    const { body: tombstone } = await hide(bob, message.id).expect(200)
    const { reactions: _, reactionsVersion: __, ...told } = tombstone
    for (const stream of mine) await expect.poll(() => shortOf(stream)).toEqual(['deleted 1 v1 -'])
    await hide(bob, message.id).expect(200)
    const { body: next } = await ann.send(conversation.id, { text: 'next' }).expect(201)
    for (const stream of mine) {
      await expect.poll(() => shortOf(stream)).toEqual(['deleted 1 v1 -', 'created 2 v1 next'])
      const deleted = stream.events.find(({ event }) => event === 'message.deleted')
      const at = tombstone.deletedAt
      expect(deleted?.data).toEqual({ type: 'message.deleted', conversationId: conversation.id, at, message: told })
    }
    await expect.poll(() => shortOf(others)).toEqual(['created 2 v1 next'])
    expect(next.seq).toBe(2)
    expect(await logOf(app, conversation.id)).not.toContain('message.deleted')
  })

  it('is replayed to a device that was away, after the message itself', async () => {
    const { ann, bob, conversation } = await aMessage()
    const away = await openStream(app, bob)
    const { body: first } = await ann.send(conversation.id, { text: 'one' }).expect(201)
    await expect.poll(() => shortOf(away)).toEqual(['created 2 v1 one'])
    const from = positionOf(away)
    await away.close()
    const there = await openStream(app, bob) // of different channels each is told by itself, in whatever order
    await hide(bob, first.id).expect(200)
    await expect.poll(() => shortOf(there)).toEqual(['deleted 2 v1 -'])
    const { body: second } = await ann.send(conversation.id, { text: 'two' }).expect(201)
    await expect.poll(() => shortOf(there)).toEqual(['deleted 2 v1 -', 'created 3 v1 two'])
    await hide(bob, second.id).expect(200)
    const back = await openStream(neighbour, bob, from)
    await expect.poll(() => shortOf(back)).toEqual(['deleted 2 v1 -', 'created 3 v1 two', 'deleted 3 v1 -'])
    expect(resumeOf(back)).toMatchObject({ verdict: 'exact' })
  })

  it('is told by another worker where the one that stored it dies before it has told it', async () => {
    const { bob, conversation, message } = await aMessage()
    const stream = await openStream(app, bob)
    const lost = leftBehind(bob)
    const hidden = { hiddenFor: new Types.ObjectId(bob.id), hiddenAt: lost.at, outbox: lost }
    await stored().updateOne({ _id: new Types.ObjectId(message.id) }, { $push: hidden, $currentDate: { changedAt: true } })
    await hasDied(app, lost.worker)
    await expect.poll(() => swept(stream)).toEqual(['deleted 1 v1 -'])
    const [told] = messagesOf(stream)
    expect(told?.message).toEqual(expect.objectContaining({ id: message.id, deletedAt: lost.at.toISOString() }))
    const { body } = await bob.get(`/conversations/${conversation.id}/messages`).expect(200)
    expect(body.items[0].deletedAt).toBe(lost.at.toISOString())
  })

  it('is told as it was by a worker that comes late, when the message has been edited or is gone for all', async () => {
    const { ann, bob, message } = await aMessage()
    const stream = await openStream(app, bob)
    await edit(ann, message.id, 'edited').expect(200)
    await expect.poll(() => shortOf(stream)).toEqual(['updated 1 v2 edited'])
    await ann.delete(`/messages/${message.id}?scope=all`).expect(200)
    await expect.poll(() => shortOf(stream)).toEqual(['updated 1 v2 edited', 'deleted 1 v3 -'])
    const lost = leftBehind(bob)
    await stored().updateOne({ _id: new Types.ObjectId(message.id) }, { $push: { outbox: lost } })
    await hasDied(app, lost.worker)
    await expect.poll(() => swept(stream)).toEqual(['updated 1 v2 edited', 'deleted 1 v3 -', 'deleted 1 v1 -'])
  })
})

describe('a client that asks what has changed', () => {
  it('finds a message that was deleted for oneself elsewhere, and the conversation', async () => {
    const { ann, bob, conversation, message } = await aMessage()
    const { cursor } = (await bob.get('/sync').expect(200)).body
    await stored().updateOne({ _id: new Types.ObjectId(message.id) }, { $unset: { outbox: '' }, $set: { changedAt: new Date(0) } })
    await app.context.mongo.connection
      .collection('conversations')
      .updateOne({ _id: new Types.ObjectId(conversation.id) }, { $unset: { outbox: '' }, $set: { changedAt: new Date(0) } })
    const read = async (person: Person) =>
      (await person.get(`/conversations/${conversation.id}/messages?changedSince=${cursor}`).expect(200)).body.items
    expect(await read(bob)).toEqual([])
    const { body: tombstone } = await hide(bob, message.id).expect(200)
    expect(await read(bob)).toEqual([tombstone])
    expect(await read(ann)).toEqual([message])
    const listed = async () => (await bob.get(`/sync?since=${cursor}`).expect(200)).body.items.map(({ id }: { id: string }) => id)
    await expect.poll(listed).toEqual([conversation.id])
  })
})
