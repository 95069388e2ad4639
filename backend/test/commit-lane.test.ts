import { randomUUID } from 'node:crypto'
import * as fc from 'fast-check'
import { Redis } from 'ioredis'
import mongoose, { type mongo, Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished, vi } from 'vitest'
import { CommitLane, type Committed, type Draft } from '../src/features/messages/commit-lane.js'
import { Heads } from '../src/features/messages/heads.js'
import { type MessageDocument, messageSchema, seqIndex } from '../src/features/messages/model.js'
import { Problem } from '../src/http/problem.js'
import { Keyspace } from '../src/platform/keyspace.js'
import { isUnavailable } from '../src/platform/mongo.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'

const connection = mongoose.createConnection()
const generation = randomUUID()
let messages: mongo.Collection<MessageDocument>
let redis: Redis

beforeAll(async () => {
  await connection.openUri(inject('mongoUrl'), { dbName: `lane-${generation}`, monitorCommands: true, autoIndex: false })
  const model = connection.model<MessageDocument>('Message', messageSchema)
  await model.createIndexes()
  messages = connection.getClient().db(connection.name).collection('messages')
  redis = new Redis(inject('redisUrl'))
})
afterAll(async () => {
  await connection.dropDatabase()
  await connection.close()
  redis.disconnect()
})

interface Worker {
  readonly lane: CommitLane
  readonly heads: Heads
  readonly stored: MessageDocument[]
}

/** A lane as one worker has it. */
const aWorker = (options: { redis?: Redis } = {}): Worker => {
  const stored: MessageDocument[] = []
  const heads = new Heads({ messages: () => messages, keyspace: new Keyspace(() => generation), redis: options.redis })
  return { heads, stored, lane: new CommitLane({ messages: () => messages, heads, onStored: (batch) => stored.push(...batch) }) }
}

const aDraft = (conversationId: Types.ObjectId, draft: Partial<Draft> = {}): Draft => ({
  conversationId,
  senderId: new Types.ObjectId(),
  clientId: randomUUID(),
  contentHash: 'hash',
  type: 'user',
  text: 'hello',
  version: 1,
  createdAt: new Date(),
  ...draft,
})

const seqsOf = async (conversationId: Types.ObjectId): Promise<number[]> => {
  const found = await messages.find({ conversationId }).sort({ seq: 1 }).toArray()
  return found.map((message) => message.seq)
}
const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1)

describe('committing messages', () => {
  it('gives one conversation seq 1 to 400 without a gap while four workers write to it at once', async () => {
    const conversationId = new Types.ObjectId()
    const workers = [aWorker({ redis }), aWorker({ redis }), aWorker(), aWorker()]
    const committed = await Promise.all(workers.flatMap(({ lane }) => upTo(100).map(() => lane.commit(aDraft(conversationId)))))
    expect(await seqsOf(conversationId)).toEqual(upTo(400))
    expect(new Set(committed.map(({ message }) => message.seq)).size).toBe(400)
    expect(committed.every(({ created }) => created)).toBe(true)
  })

  it('keeps what one worker was sent in the order of sending, and tells of it in that order', async () => {
    const conversationId = new Types.ObjectId()
    const worker = aWorker({ redis })
    const committed = await Promise.all(upTo(250).map((n) => worker.lane.commit(aDraft(conversationId, { text: String(n) }))))
    expect(committed.map(({ message }) => Number(message.text))).toEqual(committed.map(({ message }) => message.seq))
    expect(worker.stored.map((message) => message.seq)).toEqual(upTo(250))
  })

  it('keeps every conversation contiguous and every message once, whatever is sent by whom and however stale the heads are', async () => {
    const step = fc.record({
      worker: fc.nat(2),
      conversation: fc.nat(3),
      sends: fc.integer({ min: 1, max: 12 }),
      again: fc.boolean(),
      staleHint: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
        const conversations = upTo(4).map(() => new Types.ObjectId())
        const workers = [aWorker({ redis }), aWorker({ redis }), aWorker()]
        await Promise.all(conversations.map((conversationId) => aWorker().lane.commit(aDraft(conversationId)))) // so that a head of 1 is never too high
        const sent = new Map<string, Promise<Committed>[]>()
        const sends = steps.flatMap(({ worker, conversation, sends: count, again, staleHint }) => {
          const conversationId = conversations[conversation] ?? new Types.ObjectId()
          if (staleHint) void redis.set(new Keyspace(() => generation).head(conversationId.toHexString()), 1)
          return upTo(count).flatMap(() => {
            const draft = aDraft(conversationId)
            const lanes = again ? [worker, (worker + 1) % 3] : [worker]
            const attempts = lanes.flatMap((n) => workers[n]?.lane.commit(draft) ?? [])
            sent.set(draft.clientId, attempts)
            return attempts
          })
        })
        await Promise.all(sends)
        for (const [clientId, attempts] of sent) {
          const answers = await Promise.all(attempts)
          expect(answers.filter(({ created }) => created)).toHaveLength(1)
          expect(new Set(answers.map(({ message }) => message._id.toHexString())).size).toBe(1)
          expect(await messages.countDocuments({ clientId })).toBe(1)
        }
        for (const conversationId of conversations) {
          const seqs = await seqsOf(conversationId)
          expect(seqs).toEqual(upTo(seqs.length))
        }
      }),
      { numRuns: 15 },
    )
  }, 120_000)

  it('answers a clientId that was sent before with the first message, also from another worker', async () => {
    const conversationId = new Types.ObjectId()
    const draft = aDraft(conversationId)
    const first = await aWorker({ redis }).lane.commit(draft)
    const again = await aWorker().lane.commit({ ...draft, text: 'changed' })
    expect(again.created).toBe(false)
    expect(again.message._id).toEqual(first.message._id)
    expect(again.message.text).toBe('hello')
    expect(await seqsOf(conversationId)).toEqual([1])
  })

  it('lets a message that the database refuses fail alone', async () => {
    const name = 'picky'
    const picky = connection.getClient().db(connection.name)
    await picky.createCollection(name, { validator: { text: { $ne: 'poison' } } })
    const collection = picky.collection<MessageDocument>(name)
    await collection.createIndex({ conversationId: 1, seq: 1 }, { name: seqIndex, unique: true })
    const heads = new Heads({ messages: () => collection, keyspace: new Keyspace(() => generation), redis: undefined })
    const lane = new CommitLane({ messages: () => collection, heads, onStored: () => undefined })
    const conversationId = new Types.ObjectId()
    const texts = ['one', 'two', 'poison', 'three']
    const outcomes = await Promise.allSettled(texts.map((text) => lane.commit(aDraft(conversationId, { text }))))
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    const stored = await collection.find({ conversationId }).sort({ seq: 1 }).toArray()
    expect(stored.map(({ seq, text }) => [seq, text])).toEqual([
      [1, 'one'],
      [2, 'two'],
      [3, 'three'],
    ])
  })

  it('sends at most 100 messages and 1 MB to the database at once', async () => {
    const batches: MessageDocument[][] = []
    const listener = (event: mongo.CommandStartedEvent) => {
      if (event.commandName === 'insert') batches.push(event.command.documents as MessageDocument[])
    }
    connection.getClient().on('commandStarted', listener)
    const worker = aWorker()
    const small = new Types.ObjectId()
    const large = new Types.ObjectId()
    await Promise.all(upTo(350).map(() => worker.lane.commit(aDraft(small))))
    await Promise.all(upTo(40).map(() => worker.lane.commit(aDraft(large, { text: 'x'.repeat(64 * 1024) }))))
    connection.getClient().off('commandStarted', listener)
    expect(batches.flat()).toHaveLength(390)
    expect(Math.max(...batches.map((batch) => batch.length))).toBe(100)
    expect(Math.max(...batches.map((batch) => batch.reduce((sum, { text }) => sum + (text?.length ?? 0), 0)))).toBeLessThanOrEqual(
      1024 * 1024,
    )
  })

  it('refuses the 10,001st message that waits, and stores the others', async () => {
    const conversationId = new Types.ObjectId()
    const { lane } = aWorker()
    const outcomes = await Promise.allSettled(upTo(10_001).map(() => lane.commit(aDraft(conversationId))))
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(refused).toHaveLength(1)
    expect(refused[0]?.reason).toMatchObject({ code: 'service_unavailable', retryAfterSeconds: expect.any(Number) })
    expect(await messages.countDocuments({ conversationId })).toBe(10_000)
  })

  it('refuses all that waits in the time of two batches while the database hangs, and stores again when it answers', async () => {
    const proxy = await TcpProxy.open(targetOf(inject('mongoUrl')))
    const client = await new mongoose.mongo.MongoClient(through(inject('mongoUrl'), proxy)).connect()
    onTestFinished(async () => {
      await client.close()
      await proxy.close()
    })
    const collection = client.db(connection.name).collection<MessageDocument>('messages')
    const heads = new Heads({ messages: () => collection, keyspace: new Keyspace(() => generation), redis: undefined })
    const lane = new CommitLane({ messages: () => collection, heads, onStored: () => undefined, deadlineMs: 1000 })
    const conversationId = new Types.ObjectId()
    await lane.commit(aDraft(conversationId))
    const failedBatches = vi.spyOn(heads, 'forget')
    proxy.silence()
    const outcomes = await Promise.allSettled(upTo(2000).map(() => lane.commit(aDraft(conversationId))))
    const isRefused = (reason: unknown) => isUnavailable(reason) || (reason instanceof Problem && reason.code === 'service_unavailable')
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled' || !isRefused(outcome.reason))).toEqual([])
    expect(failedBatches.mock.calls.length).toBeLessThanOrEqual(2)
    await expect(lane.commit(aDraft(conversationId))).rejects.toThrow('learning heads took longer') // what is remembered is not known any more
    proxy.flow()
    const stored = async () => (await lane.commit(aDraft(conversationId)).catch(() => undefined))?.created
    await expect.poll(stored, { timeout: 30_000 }).toBe(true)
  }, 60_000)

  it('goes on without Redis when it does not answer', async () => {
    const away = new Redis({ host: '127.0.0.1', port: 1, lazyConnect: true, enableOfflineQueue: false, retryStrategy: () => null })
    away.on('error', () => undefined)
    const conversationId = new Types.ObjectId()
    const { lane } = aWorker({ redis: away })
    const committed = await Promise.all([lane.commit(aDraft(conversationId)), lane.commit(aDraft(conversationId))])
    expect(committed.map(({ message }) => message.seq)).toEqual([1, 2])
  })
})

describe('heads', () => {
  it('are shared through Redis, so that another worker needs no look at the database', async () => {
    const conversationId = new Types.ObjectId()
    const id = conversationId.toHexString()
    await aWorker({ redis }).lane.commit(aDraft(conversationId))
    await expect.poll(() => redis.get(new Keyspace(() => generation).head(id))).toBe('1')
    expect(await aWorker({ redis }).heads.of(new Set([id]))).toEqual(new Map([[id, 1]]))
  })

  it('never fall: a late writer cannot take a newer one back', async () => {
    const id = new Types.ObjectId().toHexString()
    const { heads } = aWorker({ redis })
    heads.raise(new Map([[id, 7]]))
    heads.raise(new Map([[id, 5]]))
    heads.raise(new Map([[id, 8]]))
    await expect.poll(() => redis.get(new Keyspace(() => generation).head(id))).toBe('8')
  })

  it('of another generation of the database are not believed', async () => {
    const conversationId = new Types.ObjectId()
    const id = conversationId.toHexString()
    await redis.set(new Keyspace(() => 'before the restore').head(id), 41)
    const { message } = await aWorker({ redis }).lane.commit(aDraft(conversationId))
    expect(message.seq).toBe(1)
  })
})
