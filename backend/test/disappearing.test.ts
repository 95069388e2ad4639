import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MessageDocument } from '../src/features/messages/index.js'
import { aNeighbour, anApp, aStream, at } from './support/listening.js'
import { logOf } from './support/message-stream.js'
import { aDirectConversation, aGroup, type Person } from './support/people.js'
import { plansOf } from './support/plans.js'
import { dataOf } from './support/streams.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const never = 3_600_000
/** What is due is looked for when a test says so. */
const byHand = { disappearing: { everyMs: never } }
let app: TestApp
beforeAll(async () => {
  app = await startTestApp({}, byHand)
})
afterAll(() => app.close())

const messages = (of: TestApp = app) => of.context.mongo.connection.collection<MessageDocument>('messages')
const storedAs = (id: string) => messages().findOne({ _id: new Types.ObjectId(id) })
const set = (person: Person, id: string, disappearAfterSeconds: unknown) =>
  person.patch(`/conversations/${id}`, { settings: { disappearAfterSeconds } })
/** As if their time were over. */
const pass = (ids: readonly string[], of: TestApp = app) =>
  messages(of).updateMany(
    { _id: { $in: ids.map((id) => new Types.ObjectId(id)) } },
    { $set: { disappearsAt: new Date(Date.now() - 1000) } },
  )
const say = async (person: Person, conversationId: string, text = 'a secret', clientId = randomUUID()) =>
  (await person.send(conversationId, { text, clientId }).expect(201)).body
const lifeOf = ({ createdAt, disappearsAt }: { createdAt: string; disappearsAt: string | null }): number | null =>
  disappearsAt === null ? null : (Date.parse(disappearsAt) - Date.parse(createdAt)) / 1000

describe('that messages disappear', () => {
  it('is set by who runs a group, and told to all in it', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const [, member] = members
    if (!member) throw new Error('a group of two')
    const stream = await aStream(member, app)
    expect((await set(owner, conversation.id, 3600).expect(200)).body.settings).toEqual({ history: 'all', disappearAfterSeconds: 3600 })
    expect((await member.get(`/conversations/${conversation.id}`).expect(200)).body.settings.disappearAfterSeconds).toBe(3600)
    const told = await stream.waitFor(({ event }) => event === 'conversation.updated', 30_000)
    expect(told.data).toMatchObject({ conversation: { settings: { disappearAfterSeconds: 3600 } } })
    expect((await set(member, conversation.id, null).expect(403)).body.code).toBe('forbidden')
    const { body } = await owner.patch(`/conversations/${conversation.id}`, { settings: { history: 'joined' } }).expect(200)
    expect(body.settings).toEqual({ history: 'joined', disappearAfterSeconds: 3600 })
  })

  it('is set by either of two, who change nothing else of their conversation', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    await set(ann, conversation.id, 60).expect(200)
    expect((await set(bob, conversation.id, 120).expect(200)).body.settings.disappearAfterSeconds).toBe(120)
    for (const change of [{ name: 'Us' }, { description: null }, { settings: { history: 'joined', disappearAfterSeconds: null } }]) {
      expect((await ann.patch(`/conversations/${conversation.id}`, change).expect(409)).body.code).toBe('conflict')
    }
    expect((await ann.get(`/conversations/${conversation.id}`).expect(200)).body).toMatchObject({
      name: null,
      settings: { disappearAfterSeconds: 120 },
    })
  })

  it.each([0, 59, -60, 60.5, 31_536_001, 1e300, '60', true, [60], {}])('refuses %j', async (value) => {
    const { ann, conversation } = await aDirectConversation(app)
    const refused = await set(ann, conversation.id, value).expect(400)
    expect(refused.body.errors[0].path).toBe('body.settings.disappearAfterSeconds')
    expect((await ann.get(`/conversations/${conversation.id}`).expect(200)).body.settings.disappearAfterSeconds).toBeNull()
  })

  it('holds for what is sent from then on, each by what was set when it was sent', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const before = await say(ann, conversation.id)
    await set(ann, conversation.id, 3600).expect(200)
    const first = await say(bob, conversation.id)
    await set(bob, conversation.id, 60).expect(200)
    const second = await say(ann, conversation.id)
    await set(ann, conversation.id, null).expect(200)
    const after = await say(bob, conversation.id)
    expect([before, first, second, after].map(lifeOf)).toEqual([null, 3600, 60, null])
    const { body } = await ann.get(`/conversations/${conversation.id}/messages`).expect(200)
    expect(body.items.map(lifeOf)).toEqual([null, 3600, 60, null])
  })

  it('holds at other workers as soon as they have heard of it, whatever they remembered', async () => {
    const own = await anApp({}, byHand)
    const neighbour = await aNeighbour(own, {}, byHand)
    const { ann, bob, conversation } = await aDirectConversation(own)
    const there = at(neighbour, bob)
    expect(lifeOf(await say(there, conversation.id))).toBeNull() // remembered from now on
    await set(ann, conversation.id, 600).expect(200)
    await expect.poll(async () => lifeOf(await say(there, conversation.id)), { timeout: 30_000 }).toBe(600) // well below the minute for which it is remembered
    await set(ann, conversation.id, null).expect(200)
    await expect.poll(async () => lifeOf(await say(there, conversation.id)), { timeout: 30_000 }).toBeNull()
  })
})

describe('a message whose time is over', () => {
  /** Ann's message to Bob, edited once, in a conversation in which messages disappear. */
  const aSecret = async () => {
    const talk = await aDirectConversation(app)
    await set(talk.ann, talk.conversation.id, 60).expect(200)
    const clientId = randomUUID()
    const { id } = await say(talk.ann, talk.conversation.id, 'first secret', clientId)
    await talk.ann.patch(`/messages/${id}`, { text: 'second secret' }).expect(200)
    return { ...talk, id, clientId }
  }

  it('leaves a tombstone, the newest too, and the members are told', async () => {
    const { ann, bob, conversation, id } = await aSecret()
    const streams = [await aStream(ann, app), await aStream(bob, app)]
    await pass([id])
    expect(await app.context.disappearing.run()).toBeGreaterThan(0)
    for (const stream of streams) {
      await stream.waitFor(({ event }) => event === 'message.deleted', 30_000)
      expect(dataOf(stream, 'message.deleted')).toMatchObject([{ message: { id, seq: 1, text: null, version: 3, disappearsAt: null } }])
    }
    const { body } = await bob.get(`/conversations/${conversation.id}/messages`).expect(200)
    expect(body.items).toMatchObject([{ id, seq: 1, text: null, editedAt: null, deletedAt: expect.any(String), disappearsAt: null }])
    expect((await say(ann, conversation.id, 'next')).seq).toBe(2)
  })

  it('keeps nothing of what was said, not in the log either', async () => {
    const { conversation, id } = await aSecret()
    await expect.poll(() => logOf(app, conversation.id)).toContain('second secret')
    await pass([id])
    await app.context.disappearing.run()
    await expect.poll(() => logOf(app, conversation.id)).toContain('message.deleted')
    expect(await logOf(app, conversation.id)).not.toContain('secret')
    const tombstone = await storedAs(id)
    expect(JSON.stringify(tombstone)).not.toContain('secret')
    for (const field of ['edits', 'editedAt', 'disappearsAt', 'deletedBy']) expect(tombstone).not.toHaveProperty(field)
  })

  it('is told by another worker where the one that buried it died before it told', async () => {
    const own = await anApp({}, byHand)
    const { ann, bob, conversation } = await aDirectConversation(own)
    await set(ann, conversation.id, 60).expect(200)
    const { id } = await say(ann, conversation.id)
    const stream = await aStream(bob, own)
    await pass([id], own)
    const outbox = own.context.outbox
    const publish = outbox.publish.bind(outbox)
    outbox.publish = () => undefined // it dies here
    await own.context.disappearing.run()
    outbox.publish = publish
    const lost = { 'outbox.$[].worker': 'dead', 'outbox.$[].at': new Date(Date.now() - 1000) }
    await messages(own).updateOne({ _id: new Types.ObjectId(id) }, { $set: lost })
    expect(dataOf(stream, 'message.deleted')).toEqual([])
    const leases = own.context.mongo.connection.collection<{ _id: string; holder: string; expiresAt: Date }>('leases')
    await leases.insertOne({ _id: 'worker:dead', holder: 'dead', expiresAt: new Date(0) })
    await own.context.sweeper.sweep()
    await stream.waitFor(({ event }) => event === 'message.deleted', 30_000)
    expect(await logOf(own, conversation.id)).not.toContain('secret')
  })

  it('is what was deleted: a retry of its sending finds the tombstone, an edit is refused, who asks what has changed is shown it', async () => {
    const { ann, conversation, id, clientId } = await aSecret()
    const { body: synced } = await ann.get('/sync').expect(200)
    await pass([id])
    await app.context.disappearing.run()
    expect((await ann.send(conversation.id, { clientId, text: 'first secret' }).expect(200)).body).toMatchObject({ id, text: null })
    expect((await ann.patch(`/messages/${id}`, { text: 'again' }).expect(409)).body.code).toBe('conflict')
    const { body } = await ann.get(`/conversations/${conversation.id}/messages?changedSince=${synced.cursor}`).expect(200)
    expect(body.items).toMatchObject([{ id, text: null }])
  })

  it('goes alone: what is not due, what stays, and what was deleted before are as they were', async () => {
    const { ann, conversation, id } = await aSecret()
    const later = await say(ann, conversation.id)
    const deleted = await say(ann, conversation.id)
    await pass([deleted.id])
    await ann.delete(`/messages/${deleted.id}?scope=all`).expect(200)
    await set(ann, conversation.id, null).expect(200)
    const stays = await say(ann, conversation.id)
    const before = await Promise.all([later, deleted, stays].map((each) => storedAs(each.id)))
    await pass([id]) // sent while messages disappeared: that they do not any more is for what is sent since
    await app.context.disappearing.run()
    expect((await storedAs(id))?.text).toBeNull()
    const after = await Promise.all([later, deleted, stays].map((each) => storedAs(each.id)))
    expect(after.map((each) => [each?.text, each?.version])).toEqual(before.map((each) => [each?.text, each?.version]))
  })

  it('is edited or deleted at the same moment as it disappears: there is one tombstone', async () => {
    const { ann, conversation } = await aSecret()
    for (let n = 0; n < 8; n++) {
      const { id } = await say(ann, conversation.id)
      await pass([id])
      const [, edited, deleted] = await Promise.all([
        app.context.disappearing.run(),
        ann.patch(`/messages/${id}`, { text: 'another secret' }),
        ann.delete(`/messages/${id}?scope=all`),
      ])
      expect([edited.status === 200 || edited.status === 409, deleted.status]).toEqual([true, 200])
      await app.context.disappearing.run()
      const tombstone = await storedAs(id)
      expect(JSON.stringify(tombstone)).not.toContain('secret')
      expect(tombstone?.outbox?.filter(({ type }) => type === 'message.deleted')).toHaveLength(1)
    }
  })
})

describe('what looks for messages that are due', () => {
  it('does it by itself, and within its time', async () => {
    const own = await anApp({}, { disappearing: { everyMs: 20 } })
    const { ann, conversation } = await aDirectConversation(own)
    await set(ann, conversation.id, 60).expect(200)
    const { id } = await say(ann, conversation.id)
    const text = async () => (await ann.get(`/messages/${id}`).expect(200)).body.text
    expect(await text()).toBe('a secret')
    await pass([id], own)
    await expect.poll(text).toBeNull()
  })

  it('is one worker at a time; another one takes over where it died', async () => {
    const one = await anApp({}, byHand)
    const other = await aNeighbour(one, {}, byHand)
    const { ann, conversation } = await aDirectConversation(one)
    await set(ann, conversation.id, 60).expect(200)
    const [first, second] = [await say(ann, conversation.id), await say(ann, conversation.id)]
    await pass([first.id], one)
    expect(await one.context.disappearing.run()).toBe(1)
    await pass([second.id], one)
    expect(await other.context.disappearing.run()).toBe(0) // the lease is the first one's
    const leases = one.context.mongo.connection.collection<{ _id: string }>('leases')
    await leases.updateOne({ _id: 'job:disappearing messages' }, { $set: { expiresAt: new Date(0) } })
    expect(await other.context.disappearing.run()).toBe(1)
  })

  it('takes those longest due first, a bounded number in one go, and goes on where it stopped', async () => {
    const own = await anApp({}, byHand)
    const { ann, conversation } = await aDirectConversation(own)
    await set(ann, conversation.id, 60).expect(200)
    const sent = await Promise.all(Array.from({ length: 30 }, () => say(ann, conversation.id)))
    const ids = sent.toSorted((a, b) => a.seq - b.seq).map(({ id }) => id)
    for (const [n, id] of ids.entries())
      await messages(own).updateOne({ _id: new Types.ObjectId(id) }, { $set: { disappearsAt: new Date(Date.now() - 60_000 - n * 1000) } })
    const gone = async () =>
      (
        await messages(own)
          .find({ deletedAt: { $exists: true } })
          .sort({ seq: 1 })
          .toArray()
      ).map(({ seq }) => seq)
    expect(await own.context.dueMessages.bury(10)).toBe(10)
    expect(await gone()).toEqual([21, 22, 23, 24, 25, 26, 27, 28, 29, 30])
    expect(await own.context.disappearing.run()).toBe(20)
    expect(await gone()).toHaveLength(30)
    expect(await own.context.disappearing.run()).toBe(0)
  })

  it('reads them by an index, of however many conversations, and looks at nothing that is not due', async () => {
    const own = await anApp({}, byHand)
    const now = Date.now()
    const many = Array.from({ length: 3000 }, (_, n) => ({
      _id: new Types.ObjectId(),
      conversationId: new Types.ObjectId(),
      seq: 1,
      senderId: new Types.ObjectId(),
      clientId: randomUUID(),
      contentHash: 'x',
      type: 'user' as const,
      text: 'hello',
      version: 1,
      createdAt: new Date(now),
      ...(n % 3 !== 0 && { disappearsAt: new Date(now + (n % 300 === 1 ? -1000 : 3_600_000)) }),
    }))
    await messages(own).insertMany(many)
    const plans = await plansOf(
      own,
      'messages',
      () => own.context.disappearing.run(),
      ({ filter }) => 'disappearsAt' in filter,
    )
    expect(plans).toEqual([{ index: 'disappears', sortsOrScans: false }])
    expect(await messages(own).countDocuments({ deletedAt: { $exists: true } })).toBe(10)
  })
})
