import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished, vi } from 'vitest'
import { Activity } from '../src/features/conversations/index.js'
import { type MessageDocument, messageSource } from '../src/features/messages/index.js'
import { Outbox } from '../src/realtime/outbox.js'
import { outboxEntry } from '../src/realtime/outbox-entry.js'
import { hasDied } from './support/dead-worker.js'
import { asTold, logOf, openStream, positionOf, resumeOf, settled, shortOf } from './support/message-stream.js'
import { aDirectConversation, type Person } from './support/people.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let neighbour: TestApp

const anotherWorker = (overrides: Readonly<Record<string, string>> = {}): Promise<TestApp> =>
  startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret, ...overrides })

beforeAll(async () => {
  app = await startTestApp()
  neighbour = await anotherWorker()
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

const stored = () => {
  const { connection } = app.context.mongo
  return connection.getClient().db(connection.name).collection<MessageDocument>('messages')
}
const storedAs = async (id: Types.ObjectId | string): Promise<MessageDocument> => {
  const message = await stored().findOne({ _id: new Types.ObjectId(id) })
  if (!message) throw new Error('it was stored')
  return message
}

/** A message as a worker stored it that has not told it yet, and tells it when this test says so. */
const untold = async (conversationId: string, sender: Person, seq: number, text: string): Promise<MessageDocument> => {
  const now = new Date()
  const message: MessageDocument = {
    _id: new Types.ObjectId(),
    conversationId: new Types.ObjectId(conversationId),
    seq,
    senderId: new Types.ObjectId(sender.id),
    clientId: randomUUID(),
    contentHash: 'x',
    type: 'user',
    text,
    version: 1,
    createdAt: now,
    outbox: [outboxEntry('a worker that nobody knows', 'message.created', now)],
  }
  await stored().insertOne(message)
  return message
}

/** Publishes a document as it was when it was read: as a worker does that was slow. @returns whether all of it is told */
const publish = async (message: MessageDocument): Promise<boolean> => {
  const { log, logger, mongo } = app.context
  const outbox = new Outbox({ log, logger, onEpoch: () => undefined })
  const activity = new Activity({ connection: mongo.connection, logger, ready: () => true })
  const told = await outbox.publishOne(
    messageSource({
      collection: stored,
      worker: app.context.leases.worker,
      activity,
      memberships: { hiddenBefore: () => Promise.resolve(1) },
      receipts: { sent: () => undefined },
      uploads: { detached: () => Promise.resolve() },
    }),
    message,
  )
  await Promise.all([outbox.settled(), activity.settled()])
  return told
}

const edit = (person: Person, id: string, text: string, at: TestApp = app) =>
  at.request.patch(`/api/v1/messages/${id}`).auth(person.accessToken, { type: 'bearer' }).send({ text })
const remove = (person: Person, id: string, at: TestApp = app) =>
  at.request.delete(`/api/v1/messages/${id}?scope=all`).auth(person.accessToken, { type: 'bearer' })

/** Two people who have talked for a while, and Bob's streams at both workers. */
const listening = async () => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  await settled(app, conversation.id)
  const streams = [await openStream(app, bob), await openStream(neighbour, bob)] as const
  const toldEverywhere = async (expected: readonly string[]): Promise<void> => {
    for (const stream of streams) await expect.poll(() => shortOf(stream)).toEqual(expected)
  }
  return { ann, bob, conversation, streams, toldEverywhere }
}

describe('members are told', () => {
  it('of each edit and of the deletion, once, in order, whichever worker it was at', async () => {
    const { ann, conversation, streams, toldEverywhere } = await listening()
    const { body } = await ann.send(conversation.id, { text: 'one' }).expect(201)
    await edit(ann, body.id, 'two', neighbour).expect(200)
    await edit(ann, body.id, 'three').expect(200)
    await edit(ann, body.id, 'three').expect(200)
    const before = ['created 1 v1 one', 'updated 1 v2 two', 'updated 1 v3 three']
    await toldEverywhere(before) // what is not told before the deletion never is
    const tombstone = await remove(ann, body.id, neighbour).expect(200)
    await remove(ann, body.id).expect(200)
    await ann.send(conversation.id, { text: 'next' }).expect(201)
    await toldEverywhere([...before, 'deleted 1 v4 -', 'created 2 v1 next'])
    const deleted = streams[0].events.find(({ event }) => event === 'message.deleted')
    expect(deleted?.data).toEqual({
      type: 'message.deleted',
      conversationId: conversation.id,
      at: tombstone.body.deletedAt,
      message: asTold(tombstone.body),
    })
  })

  it('of the deletion before it is answered', async () => {
    const { ann, conversation, streams } = await listening()
    const { body } = await ann.send(conversation.id, { text: 'secret' }).expect(201)
    await expect.poll(() => shortOf(streams[0])).toEqual(['created 1 v1 secret'])
    const { log } = app.context
    const purge = log.purge.bind(log)
    let answered = false
    const mayGoOn = new Promise<() => void>((resolve) => {
      vi.spyOn(log, 'purge').mockImplementationOnce(async (...parameters) => {
        await new Promise<void>((goOn) => resolve(goOn))
        await purge(...parameters)
      })
    })
    const deleting = app.context.messages.delete({ userId: ann.id, sessionId: '' }, body.id).then(() => {
      answered = true
    })
    const goOn = await mayGoOn
    await nextTurn()
    expect(answered).toBe(false)
    goOn()
    await deleting
    const frames = await logOf(app, conversation.id)
    expect(frames).toContain('message.deleted')
    expect(frames).not.toContain('secret')
  })

  it('who were away: of the edit and the tombstone, and never of the content', async () => {
    const { ann, bob, conversation, streams } = await listening()
    await ann.send(conversation.id, { text: 'seen' }).expect(201)
    await expect.poll(() => shortOf(streams[0])).toEqual(['created 1 v1 seen'])
    const position = positionOf(streams[0])
    const edited = await ann.send(conversation.id, { text: 'draft' }).expect(201)
    const secret = await ann.send(conversation.id, { text: 'secret' }).expect(201)
    await edit(ann, edited.body.id, 'final').expect(200)
    await edit(ann, secret.body.id, 'another secret').expect(200)
    const edits = ['updated 2 v2 final', 'updated 3 v2 another secret']
    await expect.poll(() => shortOf(streams[0])).toEqual(expect.arrayContaining(edits))
    await remove(ann, secret.body.id).expect(200)
    for (const worker of [app, neighbour]) {
      const stream = await openStream(worker, bob, position)
      expect(resumeOf(stream)).toMatchObject({ verdict: 'exact' })
      await expect.poll(() => shortOf(stream)).toEqual(['created 2 v1 draft', 'updated 2 v2 final', 'deleted 3 v3 -'])
    }
  })

  it('of an edit as it was, where a later one is stored before it is told', async () => {
    const { ann, conversation, toldEverywhere } = await listening()
    const message = await untold(conversation.id, ann, 1, 'one')
    const texts = ['two', 'three']
    for (const [n, text] of texts.entries()) {
      await stored().updateOne(
        { _id: message._id },
        {
          $set: { text, editedAt: new Date() },
          $inc: { version: 1 },
          $push: {
            edits: { text: ['one', 'two'][n] ?? '', version: n + 1, at: new Date(message.createdAt.getTime() + n) },
            outbox: outboxEntry('a worker that nobody knows', 'message.updated', new Date(), { version: `${n + 2}` }),
          },
        },
      )
    }
    expect(await publish(await storedAs(message._id))).toBe(true)
    await toldEverywhere(['created 1 v1 one', 'updated 1 v2 two', 'updated 1 v3 three'])
  })

  it('of what a worker changed that was killed before it could tell', async () => {
    const { ann, conversation, toldEverywhere } = await listening()
    const { body } = await ann.send(conversation.id, { text: 'secret' }).expect(201)
    const dead = randomUUID()
    await toldEverywhere(['created 1 v1 secret'])
    await stored().updateOne(
      { _id: new Types.ObjectId(body.id) },
      {
        $set: { text: null, deletedAt: new Date(), version: 2 },
        $push: { outbox: outboxEntry(dead, 'message.deleted', new Date()) },
      },
    )
    await hasDied(app, dead)
    await expect
      .poll(async () => {
        await app.context.sweeper.sweep()
        await neighbour.context.sweeper.sweep()
        return logOf(app, conversation.id)
      })
      .toContain('message.deleted')
    expect(await logOf(app, conversation.id)).not.toContain('secret')
    await toldEverywhere(['created 1 v1 secret', 'deleted 1 v2 -'])
  })
})

describe('the content of a deleted message', () => {
  it('is refused from a worker that publishes it late', async () => {
    const { ann, conversation, toldEverywhere } = await listening()
    const late = await untold(conversation.id, ann, 1, 'secret')
    await edit(ann, late._id.toHexString(), 'another secret').expect(200)
    const later = await storedAs(late._id)
    await toldEverywhere(['created 1 v1 secret', 'updated 1 v2 another secret'])
    await remove(ann, late._id.toHexString(), neighbour).expect(200)
    expect(await publish(late)).toBe(true)
    expect(await publish(later)).toBe(true)
    expect(await logOf(app, conversation.id)).not.toContain('secret')
    await toldEverywhere(['created 1 v1 secret', 'updated 1 v2 another secret', 'deleted 1 v3 -'])
  })

  it('is never told where it was deleted before it was told; what comes after it is, in order', async () => {
    const { ann, conversation, toldEverywhere } = await listening()
    const late = await untold(conversation.id, ann, 1, 'secret')
    await remove(ann, late._id.toHexString(), neighbour).expect(200)
    await ann.send(conversation.id, { text: 'next' }).expect(201)
    expect(await publish(late)).toBe(true)
    await toldEverywhere(['deleted 1 v2 -', 'created 2 v1 next'])
  })

  it('is never told where it was held for its predecessor; the tombstone is, in its place', async () => {
    const { ann, conversation, toldEverywhere } = await listening()
    const first = await untold(conversation.id, ann, 1, 'first')
    const second = await untold(conversation.id, ann, 2, 'secret')
    expect(await publish(second)).toBe(false)
    await remove(ann, second._id.toHexString()).expect(200)
    expect(await publish(second)).toBe(false)
    await toldEverywhere([])
    expect(await publish(first)).toBe(true)
    await toldEverywhere(['created 1 v1 first', 'deleted 2 v2 -'])
    expect(await logOf(app, conversation.id)).not.toContain('secret')
  })

  it('leaves again a log that was lost and had it from a late worker; readers of the new log are told of the tombstone', async () => {
    const alone = await startTestApp()
    onTestFinished(() => alone.close())
    const { ann, bob, conversation } = await aDirectConversation(alone)
    const { body } = await ann.send(conversation.id, { text: 'secret' }).expect(201)
    const { connection } = alone.context.mongo
    const messages = () => connection.getClient().db(connection.name).collection<MessageDocument>('messages')
    const late = await messages().findOne({ _id: new Types.ObjectId(body.id) })
    await remove(ann, body.id, alone).expect(200)
    const redis = new Redis(inject('redisUrl'))
    await redis.del(await redis.keys(`heliograph:{0}:${alone.context.mongo.generation}:*`))
    redis.disconnect()
    const stream = await openStream(alone, bob)
    const { log, logger } = alone.context
    const activity = new Activity({ connection, logger, ready: () => true })
    const outbox = new Outbox({ log, logger, onEpoch: () => undefined })
    if (late)
      await outbox.publishOne(
        messageSource({
          collection: messages,
          worker: app.context.leases.worker,
          activity,
          memberships: { hiddenBefore: () => Promise.resolve(1) },
          receipts: { sent: () => undefined },
          uploads: { detached: () => Promise.resolve() },
        }),
        late,
      )
    await Promise.all([outbox.settled(), activity.settled()])
    await expect.poll(() => shortOf(stream).at(-1)).toBe('deleted 1 v2 -')
    expect(await logOf(alone, conversation.id)).not.toContain('secret')
  })

  it('leaves the log late where Redis is away, which keeps no deletion from being answered', async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    const cutOff = await anotherWorker({ REDIS_URL: through(inject('redisUrl'), proxy) })
    onTestFinished(async () => {
      await cutOff.close()
      await proxy.close()
    })
    const { ann, conversation, toldEverywhere } = await listening()
    const { body } = await ann.send(conversation.id, { text: 'secret' }).expect(201)
    await toldEverywhere(['created 1 v1 secret'])
    proxy.cut()
    await remove(ann, body.id, cutOff).expect(200)
    proxy.restore()
    await toldEverywhere(['created 1 v1 secret', 'deleted 1 v2 -'])
    expect(await logOf(app, conversation.id)).not.toContain('secret')
  })
})
