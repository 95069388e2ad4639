import { randomUUID } from 'node:crypto'
import * as fc from 'fast-check'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Activity } from '../src/features/conversations/index.js'
import { type MessageDocument, messageSource } from '../src/features/messages/index.js'
import { encodeSince } from '../src/http/since.js'
import { Outbox } from '../src/realtime/outbox.js'
import { outboxEntry } from '../src/realtime/outbox-entry.js'
import { hasDied } from './support/dead-worker.js'
import { logOf, messagesOf, openStream, positionOf, resumeOf, settled, shortOf } from './support/message-stream.js'
import { aDirectConversation, aGroup, type Person, peopleInNumbers } from './support/people.js'
import { react, reactionsTold, unreact } from './support/reactions.js'
import type { SseClient } from './support/sse-client.js'
import { Synced } from './support/synced.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let neighbour: TestApp
const anotherWorker = () => startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
beforeAll(async () => {
  app = await startTestApp()
  neighbour = await anotherWorker()
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

const at = (n: number): TestApp => (n % 2 === 0 ? app : neighbour)
const collection = () => {
  const { connection } = app.context.mongo
  return connection.getClient().db(connection.name).collection<MessageDocument>('messages')
}
const storedAs = async (id: string): Promise<MessageDocument> => {
  const message = await collection().findOne({ _id: new Types.ObjectId(id) })
  if (!message) throw new Error('it was stored')
  return message
}

/** Ann's message to Bob, told, and Bob's streams at both workers. */
const listening = async () => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  await settled(app, conversation.id)
  const streams = [await openStream(app, bob), await openStream(neighbour, bob)] as const
  const { body } = await ann.send(conversation.id, { text: 'hello' }).expect(201)
  for (const stream of streams) await expect.poll(() => shortOf(stream)).toEqual(['created 1 v1 hello'])
  const toldEverywhere = async (expected: readonly string[]): Promise<void> => {
    for (const stream of streams) await expect.poll(() => reactionsTold(stream)).toEqual(expected)
  }
  return { ann, bob, conversation, message: body, streams, toldEverywhere }
}

/** Publishes a document as it was when it was read: as a worker does that was slow. */
const publish = async (message: MessageDocument): Promise<boolean> => {
  const { log, logger, mongo } = app.context
  const outbox = new Outbox({ log, logger, onEpoch: () => undefined })
  const activity = new Activity({ connection: mongo.connection, logger, ready: () => true })
  const told = await outbox.publishOne(
    messageSource({
      collection,
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

/** Who has chosen what, as a client has it that was told all this: by the rule of the versions. */
const heard = (streams: readonly SseClient[]): { version: number; chosen: string[] } => {
  const chosen = new Set<string>()
  let version = 0
  for (const line of streams.flatMap((stream) => reactionsTold(stream))) {
    const [, what, choice = '', count] = /^(\w+) (.*) v(\d+)$/.exec(line) ?? []
    expect(Number(count), line).toBe(version + 1) // none is missed, none comes twice, none out of order
    version = Number(count)
    if (what === 'added') chosen.add(choice)
    else chosen.delete(choice)
  }
  return { version, chosen: [...chosen].toSorted() }
}
const inDatabase = async (id: string): Promise<{ version: number; chosen: string[] }> => {
  const { reactions = [], reactionsVersion = 0 } = await storedAs(id)
  const chosen = reactions.flatMap(({ emoji, userIds }) => userIds.map((userId) => `${emoji} by ${userId.toHexString()}`))
  return { version: reactionsVersion, chosen: chosen.toSorted() }
}

describe('members are told', () => {
  it('of each reaction and of its end, once, in order, whichever worker it was at', async () => {
    const { ann, bob, conversation, message, streams, toldEverywhere } = await listening()
    await react(app, ann, message.id, '👍').expect(200)
    await react(neighbour, bob, message.id, '❤').expect(200)
    await react(app, bob, message.id, '❤').expect(200)
    await unreact(neighbour, ann, message.id, '👍').expect(200)
    await unreact(app, ann, message.id, '👍').expect(200)
    await react(app, ann, message.id, '👍').expect(200)
    await toldEverywhere([
      `added 👍 by ${ann.id} v1`,
      `added ❤\uFE0F by ${bob.id} v2`,
      `removed 👍 by ${ann.id} v3`,
      `added 👍 by ${ann.id} v4`,
    ])
    expect(streams[0].events.find(({ event }) => event === 'reaction.added')?.data).toEqual({
      type: 'reaction.added',
      conversationId: conversation.id,
      at: expect.any(String),
      messageId: message.id,
      seq: 1,
      userId: ann.id,
      emoji: '👍',
      reactionsVersion: 1,
    })
  })

  it('of a message without its reactions: what is one’s own differs from reader to reader', async () => {
    const { ann, message, streams } = await listening()
    await react(app, ann, message.id, '👍').expect(200)
    await ann.patch(`/messages/${message.id}`, { text: 'after' }).expect(200)
    const types = () => messagesOf(streams[0]).map(({ type }) => type)
    await expect.poll(types).toEqual(['message.created', 'message.updated']) // what is deleted before is not told
    await ann.delete(`/messages/${message.id}?scope=all`).expect(200)
    await expect.poll(types).toEqual(['message.created', 'message.updated', 'message.deleted'])
    const told = streams[0].events.filter(({ event }) => event.startsWith('message.'))
    for (const { data } of told) {
      expect(Object(data).message).not.toHaveProperty('reactions')
      expect(Object(data).message).not.toHaveProperty('reactionsVersion')
    }
  })

  it('who were away, once and in order', async () => {
    const { ann, bob, message, streams, toldEverywhere } = await listening()
    await react(app, ann, message.id, '👍').expect(200)
    await toldEverywhere([`added 👍 by ${ann.id} v1`])
    const position = positionOf(streams[0])
    await unreact(neighbour, ann, message.id, '👍').expect(200)
    await react(app, ann, message.id, '🎉').expect(200)
    for (const worker of [app, neighbour]) {
      const stream = await openStream(worker, bob, position)
      expect(resumeOf(stream)).toMatchObject({ verdict: 'exact' })
      await expect.poll(() => reactionsTold(stream)).toEqual([`removed 👍 by ${ann.id} v2`, `added 🎉 by ${ann.id} v3`])
    }
  })

  it('of what a worker stored that was killed before it could tell', async () => {
    const { ann, message, toldEverywhere } = await listening()
    const dead = randomUUID()
    await collection().updateOne(
      { _id: new Types.ObjectId(message.id) },
      {
        $set: { reactions: [{ emoji: '👍', userIds: [new Types.ObjectId(ann.id)] }], reactionsVersion: 1 },
        $push: { outbox: outboxEntry(dead, 'reaction.added', new Date(), { userId: ann.id, emoji: '👍', reactionsVersion: '1' }) },
      },
    )
    await hasDied(app, dead)
    await expect
      .poll(async () => {
        await app.context.sweeper.sweep()
        await neighbour.context.sweeper.sweep()
        return logOf(app, message.conversationId)
      })
      .toContain('reaction.added')
    await toldEverywhere([`added 👍 by ${ann.id} v1`])
  })

  it('of what is stored when its worker ends', async () => {
    const { ann, message, toldEverywhere } = await listening()
    const leaving = await anotherWorker()
    await Promise.all(
      ['👍', '🎉', '🔥'].map((emoji) => leaving.context.reactions.add({ userId: ann.id, sessionId: '' }, message.id, emoji)),
    )
    await leaving.close()
    expect((await logOf(app, message.conversationId)).match(/^event: reaction\.added$/gm)).toHaveLength(3)
    const { chosen } = await inDatabase(message.id)
    expect(chosen).toHaveLength(3)
    await toldEverywhere((await storedAs(message.id)).reactions?.map(({ emoji }, n) => `added ${emoji} by ${ann.id} v${n + 1}`) ?? [])
  })
})

describe('the reactions of a deleted message', () => {
  it('leave the log with it, and do not come back from a worker that publishes them late', async () => {
    const { ann, bob, message } = await listening()
    await react(app, bob, message.id, '👍').expect(200)
    await expect.poll(() => logOf(app, message.conversationId)).toContain('reaction.added')
    const late = await storedAs(message.id)
    await ann.delete(`/messages/${message.id}?scope=all`).expect(200)
    expect(await publish(late)).toBe(true)
    expect(await publish(await storedAs(message.id))).toBe(true)
    const frames = await logOf(app, message.conversationId)
    expect(frames).toContain('message.deleted')
    expect(frames).not.toContain('reaction.')
    expect(frames).not.toContain('👍')
  })
})

describe('many changes of the reactions to a message', () => {
  it('of a hundred people at once are told to each reader, each once, in one order, in a few hundred calls to the log', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const ids = await peopleInNumbers(app, 100)
    await owner.post(`/conversations/${conversation.id}/members`, { userIds: ids }).expect(200)
    const { body: message } = await owner.send(conversation.id, { text: 'hello' }).expect(201)
    const [, reader = owner] = members
    const streams = [await openStream(app, reader), await openStream(neighbour, reader)]
    let appended = 0
    let goOn: () => void = () => undefined
    const allStored = new Promise<void>((resolve) => {
      goOn = resolve
    })
    for (const { context } of [app, neighbour]) {
      const append = context.log.append.bind(context.log)
      context.log.append = async (entry) => {
        if (entry.messageId === message.id) appended += 1
        await allStored
        return append(entry)
      }
      onTestFinished(() => void (context.log.append = append))
    }
    await Promise.all(ids.map((userId, n) => at(n).context.reactions.add({ userId, sessionId: '' }, message.id, '👍')))
    goOn()
    const truth = await inDatabase(message.id)
    expect(truth.chosen).toHaveLength(100)
    for (const stream of streams) await expect.poll(() => heard([stream])).toEqual(truth)
    await Promise.all([app, neighbour].map(({ context }) => context.reactions.settled()))
    expect(appended).toBeLessThan(450) // each worker tells all; were each copy told whole it would be 5,100
  })

  const aStep = fc.record({ person: fc.nat(1), worker: fc.nat(1), emoji: fc.constantFrom('👍', '👍', '❤️'), add: fc.boolean() })
  it('in fast alternation, by one person at two workers, end for every reader in what the database has', { timeout: 240_000 }, () =>
    fc.assert(
      fc.asyncProperty(fc.array(aStep, { minLength: 10, maxLength: 40 }), async (steps) => {
        const { ann, bob, message, streams } = await listening()
        const people: readonly Person[] = [ann, bob]
        const position = positionOf(streams[0])
        const asked = steps.map(({ person, worker, emoji, add }) =>
          (add ? react : unreact)(at(worker), people[person] ?? ann, message.id, emoji),
        )
        for (const { status } of await Promise.all(asked)) expect(status).toBe(200)
        const truth = await inDatabase(message.id)
        for (const stream of streams) await expect.poll(() => heard([stream])).toEqual(truth)
        const back = await openStream(neighbour, bob, position)
        expect(resumeOf(back)).toMatchObject({ verdict: 'exact' })
        await expect.poll(() => heard([back])).toEqual(truth)
      }),
      { numRuns: 10 },
    ),
  )
})

describe('who asks what has changed', () => {
  it('finds a message whose reactions have, while it is told and when it has been forgotten, by the database’s clock', async () => {
    const { ann, bob, conversation, message } = await listening()
    const changed = async (since: Date) => {
      const { body } = await bob.get(`/conversations/${conversation.id}/messages?changedSince=${encodeSince(since)}`).expect(200)
      return body.items
    }
    await ann.send(conversation.id, { text: 'another' }).expect(201)
    const all = { conversationId: new Types.ObjectId(conversation.id) }
    await collection().updateMany(all, { $unset: { outbox: '' }, $set: { changedAt: new Date(Date.now() - 60_000) } })
    const since = new Date(Date.now() - 30_000)
    expect(await changed(since)).toEqual([])
    for (const ask of [react, unreact]) {
      const { body } = await ask(app, bob, message.id, '👍').expect(200)
      expect(await changed(since)).toEqual([body])
      await collection().updateMany(all, { $unset: { outbox: '' } })
      expect(await changed(since)).toEqual([body])
      await collection().updateMany(all, { $set: { changedAt: new Date(Date.now() - 60_000) } })
      expect(await changed(since)).toEqual([])
    }
  })

  it('is told by GET /sync of its conversation, once for each change, and not of what changed nothing', async () => {
    const own = await startTestApp({}, { sync: { overlapMs: 0, clockMarginMs: 0 }, forgetAfterMs: 0 })
    onTestFinished(() => own.close())
    const { ann, bob, conversation } = await aDirectConversation(own)
    const { body } = await ann.send(conversation.id, { text: 'hello' }).expect(201)
    const synced = new Synced(bob)
    const nothingChanged = () => expect.poll(async () => (await synced.sync()).listed, { timeout: 30_000 }).toEqual([])
    await synced.sync()
    await nothingChanged()
    await react(own, ann, body.id, '👍').expect(200)
    await expect.poll(async () => (await synced.sync()).listed).toEqual([conversation.id])
    expect([...synced.messages.values()]).toMatchObject([{ reactions: [{ emoji: '👍', count: 1, mine: false }] }])
    await nothingChanged()
    await react(own, ann, body.id, '👍').expect(200)
    expect((await synced.sync()).listed).toEqual([])
  })
})
