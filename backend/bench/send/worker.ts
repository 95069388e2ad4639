import { randomUUID } from 'node:crypto'
import { mongo } from 'mongoose'
import type { Draft } from '../../src/features/messages/commit-lane.js'
import type { MessageDocument } from '../../src/features/messages/model.js'
import { createLogger } from '../../src/platform/logger.js'
import { Mongo } from '../../src/platform/mongo.js'
import { RedisClients } from '../../src/platform/redis.js'
import { redisUrl } from '../../src/platform/redis-address.js'
import { answerQuestions } from '../answers.js'
import { Question, type Sent } from './contract.js'
import { byLane, bySingleInserts, OutOfTime } from './designs.js'

const logger = createLogger('fatal')
const { host, port, ...credentials } = redisUrl.parse(String(process.env['REDIS_URL']))
const redis = new RedisClients({ ...credentials, at: { host, port }, tls: undefined }, logger)
const poolSize = Number(process.env['POOL_SIZE'])
const mongoDb = new Mongo({ uri: String(process.env['MONGO_URI']), poolSize, selectionTimeoutMs: 5000, socketTimeoutMs: 45_000 }, logger)
redis.start()
mongoDb.start(() => Promise.resolve())
await mongoDb.whenReady(AbortSignal.timeout(10_000))

const client = mongoDb.connection.getClient()
const counted = { inserts: 0, conflicts: 0 }
client.on('commandSucceeded', ({ commandName, reply }) => {
  if (commandName !== 'insert') return
  counted.inserts += 1
  if (typeof reply === 'object' && reply !== null && 'writeErrors' in reply) counted.conflicts += 1
})
client.on('commandFailed', ({ commandName, failure }) => {
  if (commandName !== 'insert') return
  counted.inserts += 1
  if (failure instanceof mongo.MongoServerError && failure.code === 112) counted.conflicts += 1
})

const aDraft = (conversationIds: readonly mongo.ObjectId[], senderId: mongo.ObjectId): Draft => ({
  conversationId: conversationIds[Math.floor(Math.random() * conversationIds.length)] ?? senderId,
  senderId,
  clientId: randomUUID(),
  contentHash: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
  type: 'user',
  text: 'The mirror on the hill flashes twice: they have seen us, and will answer before the sun is down.',
  version: 1,
  createdAt: new Date(),
})

const send = async ({ design, database, conversationIds, senders, seconds }: Question): Promise<Sent> => {
  const writeConcern = { w: 'majority', journal: true } as const
  const messages = client.db(database).collection<MessageDocument>('messages', { writeConcern })
  const endsAt = performance.now() + seconds * 1000
  const commit = design === 'lane' ? byLane(messages, redis) : bySingleInserts(messages, endsAt)
  const ids = conversationIds.map((id) => mongo.ObjectId.createFromHexString(id))
  const sent: Sent = { acknowledged: 0, inTime: 0, latenciesMs: [], failed: 0, inserts: 0, conflicts: 0 }
  Object.assign(counted, { inserts: 0, conflicts: 0 })

  const sender = async (): Promise<void> => {
    const senderId = new mongo.ObjectId()
    while (performance.now() < endsAt) {
      const before = performance.now()
      try {
        await commit(aDraft(ids, senderId))
        const now = performance.now()
        sent.acknowledged += 1
        if (now <= endsAt) sent.inTime += 1
        sent.latenciesMs.push(now - before)
      } catch (error) {
        if (!(error instanceof OutOfTime)) sent.failed += 1
      }
    }
  }
  await Promise.all(Array.from({ length: senders }, sender))
  return { ...sent, ...counted }
}

answerQuestions('ready', async (question) => send(Question.parse(question)))
