import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { Types } from 'mongoose'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { Activity } from '../src/features/conversations/index.js'
import { type MessageDocument, messageSource } from '../src/features/messages/index.js'
import { idIn, isAfter, origin } from '../src/realtime/log/position.js'
import { Outbox } from '../src/realtime/outbox.js'
import { outboxEntry } from '../src/realtime/outbox-entry.js'
import { logOf } from './support/message-stream.js'
import { aDirectConversation, aPerson, type Person } from './support/people.js'
import { SseClient } from './support/sse-client.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const deadlineMs = 30_000
const entriesPerChannel = 10
let app: TestApp
let neighbour: TestApp
const open = new Set<SseClient>()

beforeAll(async () => {
  app = await startTestApp({ EVENT_LOG_ENTRIES: String(entriesPerChannel) })
  neighbour = await startTestApp({
    MONGO_URI: app.context.config.mongo.uri,
    JWT_SECRET: app.secret,
    EVENT_LOG_ENTRIES: String(entriesPerChannel),
  })
})
afterEach(async () => {
  await Promise.all([...open].map((stream) => stream.close()))
  open.clear()
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

const aStream = async (person: Person, lastEventId?: string, at: TestApp = app): Promise<SseClient> => {
  const headers = { authorization: `Bearer ${person.accessToken}`, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) }
  const stream = await SseClient.open(`${at.url}/sse`, { headers })
  open.add(stream)
  await stream.waitFor(({ event }) => event === 'resume', deadlineMs)
  return stream
}
const resumeOf = (stream: SseClient): unknown => stream.events[0]?.data
const positionOf = (stream: SseClient): string => stream.events.at(-1)?.id ?? ''
const textsOf = (stream: SseClient): string[] =>
  stream.events.filter(({ event }) => event === 'message.created').map(({ data }) => (data as { message: { text: string } }).message.text)
const upTo = (n: number): string[] => Array.from({ length: n }, (_, index) => String(index + 1))

/** Joined long enough ago for a replay: members who came after a position are told to fetch. */
const settled = async (conversationId: string): Promise<void> => {
  const long = new Date(Date.now() - 60_000)
  await app.context.mongo.connection
    .collection('conversations')
    .updateOne({ _id: new Types.ObjectId(conversationId) }, { $set: { 'members.$[].joinedAt': long } })
}

/** Two people who have talked for a while; Bob has seen one message, and is away now. */
const bobAway = async () => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  await settled(conversation.id)
  const stream = await aStream(bob)
  await ann.send(conversation.id, { text: 'seen' }).expect(201)
  await expect.poll(() => textsOf(stream)).toEqual(['seen'])
  const position = positionOf(stream)
  await stream.close()
  return { ann, bob, conversation, position }
}

describe('coming back with a position', () => {
  it.each([
    ['at the same worker', () => app],
    ['at another worker', () => neighbour],
  ])('%s tells exactly what was missed, in order, and goes on', async (_name, at) => {
    const { ann, bob, conversation, position } = await bobAway()
    for (const text of upTo(8)) await ann.send(conversation.id, { text }).expect(201)
    const stream = await aStream(bob, position, at())
    expect(resumeOf(stream)).toEqual({ type: 'resume', verdict: 'exact', cursor: position, refetch: [] })
    expect(stream.events[0]?.id).toBe(position)
    await ann.send(conversation.id, { text: 'live again' }).expect(201)
    await expect.poll(() => textsOf(stream)).toEqual([...upTo(8), 'live again'])
  })

  it('tells nothing twice to who comes back again and again while others write', async () => {
    const { ann, bob, conversation, position } = await bobAway()
    const sending = Promise.all(upTo(9).map((text) => ann.send(conversation.id, { text }).expect(201)))
    const seen: string[] = []
    let last = position
    while (seen.length < 9) {
      const stream = await aStream(bob, last, seen.length % 2 === 0 ? app : neighbour)
      await expect.poll(() => textsOf(stream).length).toBeGreaterThan(0)
      seen.push(...textsOf(stream))
      last = positionOf(stream)
      await stream.close()
    }
    await sending
    expect(seen.toSorted()).toEqual(upTo(9))
  })

  it('says where the log has forgotten: the conversation is to be fetched, and what is new in it is told', async () => {
    const { ann, bob, conversation, position } = await bobAway()
    const count = entriesPerChannel + 5
    for (const text of upTo(count)) await ann.send(conversation.id, { text }).expect(201)
    await expect.poll(() => logOf(app, conversation.id)).toContain(`"text":"${count}"`)
    const stream = await aStream(bob, position)
    expect(resumeOf(stream)).toMatchObject({ verdict: 'partial', cursor: position, refetch: [conversation.id] })
    await ann.send(conversation.id, { text: 'new' }).expect(201)
    await expect.poll(() => textsOf(stream)).toEqual(['new'])
  })

  it('says of a conversation that began meanwhile that it is to be fetched', async () => {
    const { ann, bob, position } = await bobAway()
    const carol = await aPerson(app)
    const group = await ann.post('/conversations', { type: 'group', name: 'New', memberIds: [bob.id, carol.id] }).expect(201)
    const told = await aStream(carol)
    await carol.send(group.body.id, { text: 'hello' }).expect(201)
    await expect.poll(() => textsOf(told)).toEqual(['hello'])
    const stream = await aStream(bob, position)
    expect(resumeOf(stream)).toMatchObject({ verdict: 'partial', refetch: [group.body.id] })
    await expect.poll(() => stream.events.map(({ event }) => event)).toEqual(['resume', 'conversation.created'])
  })

  it('is a reset where the log of one’s own channel has forgotten', async () => {
    const { bob, position } = await bobAway()
    const others = await Promise.all(upTo(entriesPerChannel + 1).map(() => aPerson(app)))
    for (const other of others) await other.post('/conversations', { type: 'direct', userId: bob.id }).expect(201)
    const floor = async () => (await app.context.log.states([`user:${bob.id}`]))[0]?.floor ?? origin
    await expect.poll(async () => isAfter(await floor(), position.split('.')[1] ?? origin)).toBe(true)
    expect(resumeOf(await aStream(bob, position))).toMatchObject({ verdict: 'reset', refetch: [] })
  })

  it.each([
    ['garbage', () => 'garbage'],
    ['of another epoch', (position: string) => position.replace(/^[^.]+/, '0123456789abcdef')],
    ['from the future', (position: string) => position.replace(/\d+-\d+$/, '99999999999999-0')],
    ['older than the log', (position: string) => position.replace(/\d+-\d+$/, '1-0')],
    ['with too many shards', (position: string) => `${position}_1-0`],
    ['endless', () => '9'.repeat(5000)],
  ])('is a reset with a position that is %s', async (_name, change) => {
    const { bob, position } = await bobAway()
    expect(resumeOf(await aStream(bob, change(position)))).toMatchObject({ verdict: 'reset', refetch: [] })
  })

  it('is a reset after the log was lost; streams that were open end', async () => {
    const alone = await startTestApp()
    const { ann, bob, conversation } = await aDirectConversation(alone)
    const stream = await aStream(bob, undefined, alone)
    await ann.send(conversation.id, { text: 'before' }).expect(201)
    await expect.poll(() => textsOf(stream)).toEqual(['before'])
    const redis = new Redis(inject('redisUrl'))
    await redis.del(await redis.keys(`heliograph:{0}:${alone.context.mongo.generation}:*`))
    redis.disconnect()
    await ann.send(conversation.id, { text: 'after' }).expect(201)
    await stream.ended
    const again = await aStream(bob, positionOf(stream), alone)
    expect(resumeOf(again)).toMatchObject({ verdict: 'reset' })
    await alone.close()
  })
})

describe('the outbox', () => {
  const leases = () => app.context.mongo.connection.collection<{ _id: string; holder: string; expiresAt: Date }>('leases')
  const inAMinute = () => new Date(Date.now() + 60_000)
  /** A message as a worker that is dead now has stored it, or will be. @returns that worker */
  const left = async (
    conversationId: string,
    sender: Person,
    message: { seq: number; text: string; told: boolean },
    diesAt = new Date(0),
  ): Promise<string> => {
    const { connection } = app.context.mongo
    const dead = randomUUID()
    await connection.collection('messages').insertOne({
      conversationId: new Types.ObjectId(conversationId),
      seq: message.seq,
      senderId: new Types.ObjectId(sender.id),
      clientId: randomUUID(),
      contentHash: 'x',
      type: 'user',
      text: message.text,
      version: 1,
      createdAt: new Date(),
      ...(message.told ? {} : { outbox: [{ eventId: randomUUID(), worker: dead, at: new Date(), type: 'message.created' }] }),
    })
    await leases().insertOne({ _id: `worker:${dead}`, holder: dead, expiresAt: diesAt })
    return dead
  }
  const sweep = () => Promise.all([app.context.sweeper.sweep(), neighbour.context.sweeper.sweep()])

  it('is told by another worker when the one that stored a message died before it told it', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const stream = await aStream(bob)
    await ann.send(conversation.id, { text: 'told' }).expect(201)
    await expect.poll(() => textsOf(stream)).toEqual(['told'])
    await left(conversation.id, ann, { seq: 2, text: 'left behind', told: false })
    await ann.send(conversation.id, { text: 'after it' }).expect(201)
    await sweep()
    await expect.poll(() => textsOf(stream), { timeout: deadlineMs }).toEqual(['told', 'left behind', 'after it'])
  })

  it('is told by whoever takes the retry of a message whose first worker lives and has not told it', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const stream = await aStream(bob)
    const { connection } = app.context.mongo
    const living = randomUUID()
    await leases().insertOne({ _id: `worker:${living}`, holder: living, expiresAt: inAMinute() })
    const message = { clientId: randomUUID(), text: 'stored, and its answer lost' }
    await ann.send(conversation.id, message).expect(201)
    await expect.poll(() => textsOf(stream)).toEqual([message.text])
    // As if it had been stored by another worker, which never came to telling it.
    const untold = { eventId: randomUUID(), worker: living, at: new Date(), type: 'message.created' }
    const first = await connection.collection('messages').findOneAndDelete({ clientId: message.clientId })
    const again = { ...message, clientId: randomUUID() }
    await connection.collection('messages').insertMany([
      { ...first, outbox: [] },
      { ...first, _id: new Types.ObjectId(), seq: 2, clientId: again.clientId, outbox: [untold] },
    ])
    await ann.send(conversation.id, again).expect(200)
    await expect.poll(() => textsOf(stream)).toEqual([message.text, message.text])
  })

  it('is told at once where many workers died that took turns in a conversation', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const stream = await aStream(bob)
    await ann.send(conversation.id, { text: '1' }).expect(201)
    await expect.poll(() => textsOf(stream)).toEqual(['1'])
    const workers: string[] = []
    // They die together: whoever sweeps meanwhile must not find a message whose predecessor nobody has.
    for (let seq = 20; seq > 1; seq--) {
      workers.push(await left(conversation.id, ann, { seq, text: String(seq), told: false }, inAMinute()))
    }
    await leases().updateMany({ holder: { $in: workers } }, { $set: { expiresAt: new Date(0) } })
    const appends = [app, neighbour].map(({ context }) => vi.spyOn(context.log, 'append'))
    await sweep()
    await expect.poll(() => textsOf(stream), { timeout: deadlineMs }).toEqual(upTo(20))
    // Each is appended once, or twice where a sweep of its own time comes between; none is tried for as long as it is held.
    expect(appends.flatMap(({ mock }) => mock.calls).filter(([{ seq }]) => seq !== undefined && seq > 1).length).toBeLessThan(3 * 19)
    for (const spy of appends) spy.mockRestore()
  })

  it('goes on where an event is gone for good, and its readers are told to fetch', async () => {
    const { ann, bob, conversation, position } = await bobAway()
    const stream = await aStream(bob, position)
    await app.context.mongo.connection.collection('messages').updateMany({}, { $unset: { outbox: '' } }) // all of it was told
    await left(conversation.id, ann, { seq: 2, text: 'gone', told: true })
    await left(conversation.id, ann, { seq: 3, text: 'held for it', told: false })
    await sweep()
    await stream.ended
    const again = await aStream(bob, positionOf(stream))
    expect(resumeOf(again)).toMatchObject({ verdict: 'partial', refetch: [conversation.id] })
    await ann.send(conversation.id, { text: 'new' }).expect(201)
    await expect.poll(() => textsOf(again)).toEqual(['new'])
  })

  it('goes on at once where the log was lost, between events that had been forgotten already, however many of them there are', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    for (let seq = 1; seq <= 8; seq++) await left(conversation.id, ann, { seq, text: String(seq), told: seq % 3 !== 1 })
    await sweep()
    const { log } = app.context
    const channel = `conversation:${conversation.id}` as const
    const logged = async () => {
      const { position } = await log.head()
      const { entries } = await log.read(channel, origin, idIn(position, log.shardOf(channel)), 100)
      return entries.map(({ frame }) => /"text":"(\d)"/.exec(frame.toString())?.[1])
    }
    await expect.poll(logged, { timeout: deadlineMs }).toEqual(['1', '4', '7'])
  })

  it('is told in one sweep, of 2,500 documents that a worker left, too', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const { connection } = app.context.mongo
    const dead = randomUUID()
    await leases().insertOne({ _id: `worker:${dead}`, holder: dead, expiresAt: new Date(0) })
    const stored = Array.from({ length: 2500 }, (_, n) => ({
      conversationId: new Types.ObjectId(conversation.id),
      seq: n + 1,
      senderId: new Types.ObjectId(ann.id),
      clientId: randomUUID(),
      contentHash: 'x',
      type: 'user',
      text: String(n + 1),
      version: 1,
      createdAt: new Date(),
      outbox: [outboxEntry(dead, 'message.created', new Date())],
    }))
    await connection.collection('messages').insertMany(stored)
    await sweep()
    const { log } = app.context
    const channel = `conversation:${conversation.id}` as const
    const newest = async () => {
      const { position } = await log.head()
      const { entries } = await log.read(channel, origin, idIn(position, log.shardOf(channel)), 100)
      return /"text":"(\d+)"/.exec(entries.at(-1)?.frame.toString() ?? '')?.[1]
    }
    await expect.poll(newest, { timeout: deadlineMs }).toBe('2500')
  }, 120_000)

  it('is forgotten once it is told and time has passed, of 2,500 documents too, which leave the index', async () => {
    const { connection } = app.context.mongo
    const messages = () => connection.getClient().db(connection.name).collection<MessageDocument>('messages')
    const filter = { conversationId: new Types.ObjectId() }
    const stored = Array.from(
      { length: 2500 },
      (_, n): MessageDocument => ({
        _id: new Types.ObjectId(),
        ...filter,
        seq: n + 1,
        senderId: new Types.ObjectId(),
        clientId: randomUUID(),
        contentHash: 'x',
        type: 'user',
        text: 'told',
        version: 1,
        createdAt: new Date(),
        outbox: [outboxEntry('a worker', 'message.created', new Date())],
      }),
    )
    await messages().insertMany(stored)
    const outbox = new Outbox({
      log: app.context.log,
      logger: app.context.logger,
      onEpoch: () => undefined,
      forgetAfterMs: 0,
    })
    const activity = new Activity({ connection: app.context.mongo.connection, logger: app.context.logger, ready: () => true })
    outbox.publish(
      messageSource({
        collection: messages,
        worker: app.context.leases.worker,
        activity,
        memberships: { hiddenBefore: () => Promise.resolve(1) },
        receipts: { sent: () => undefined },
        uploads: { detached: () => Promise.resolve() },
      }),
      stored,
    )
    await expect.poll(() => messages().countDocuments({ ...filter, outbox: { $exists: true } }), { timeout: 90_000 }).toBe(0)
    await outbox.settled()
    await activity.settled()
  }, 120_000)
})
