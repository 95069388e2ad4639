import { describe, expect, it, onTestFinished } from 'vitest'
import { bringUpToDate } from '../src/migrations/prepare.js'
import { aDirectConversation } from './support/people.js'
import { aDatabase, startTestApp, type TestApp } from './support/test-app.js'

const deadlineMs = 30_000
const declared = {
  users: [
    { name: 'email', key: { email: 1 }, unique: true, sparse: true },
    { name: 'name_folded', key: { nameFolded: 1, _id: 1 } },
    { name: 'outbox', key: { 'outbox.worker': 1, 'outbox.at': 1 }, sparse: true },
    { name: 'phone', key: { phone: 1 }, unique: true },
    { name: 'role', key: { role: 1, _id: -1 }, sparse: true },
    { name: 'suspended_at', key: { suspendedAt: -1, _id: -1 }, sparse: true },
  ],
  blocks: [
    { name: 'blocker_blocked', key: { blockerId: 1, blockedId: 1 }, unique: true },
    { name: 'blocker_created', key: { blockerId: 1, createdAt: -1, _id: -1 } },
    { name: 'outbox', key: { 'outbox.worker': 1, 'outbox.at': 1 }, sparse: true },
    { name: 'pair', key: { pair: 1 } },
  ],
  reports: [
    { name: 'resolution_at', key: { 'resolution.at': 1 }, expireAfterSeconds: 365 * 86_400, sparse: true },
    { name: 'status', key: { status: 1, _id: -1 } },
  ],
  sessions: [
    { name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 0 },
    { name: 'family_hash', key: { familyHash: 1 }, unique: true },
    { name: 'outbox', key: { 'outbox.worker': 1, 'outbox.at': 1 }, sparse: true },
    { name: 'revoked_at', key: { revokedAt: -1 }, sparse: true },
    { name: 'user_last_seen', key: { userId: 1, lastSeenAt: -1 } },
  ],
  codes: [{ name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 0 }],
  conversations: [
    { name: 'direct_key', key: { directKey: 1 }, unique: true, sparse: true },
    { name: 'invite_code', key: { 'invites.code': 1 }, sparse: true },
    { name: 'last_message', key: { lastMessageAt: -1 } },
    { name: 'left', key: { 'left.userId': 1, 'left.at': 1 }, sparse: true },
    { name: 'member_changed', key: { 'members.userId': 1, _id: 1, changedAt: 1 } },
    { name: 'member_last_message', key: { 'members.userId': 1, lastMessageAt: -1, _id: -1 } },
    { name: 'outbox', key: { 'outbox.worker': 1, 'outbox.at': 1 }, sparse: true },
    { name: 'pins', key: { pins: 1 }, unique: true, sparse: true },
  ],
  messages: [
    {
      name: 'conversation_attachment',
      key: { conversationId: 1, 'attachments.uploadId': 1 },
      partialFilterExpression: { 'attachments.uploadId': { $exists: true } },
    },
    { name: 'conversation_changed', key: { conversationId: 1, changedAt: 1, seq: 1 } },
    { name: 'conversation_created', key: { conversationId: 1, createdAt: -1 } },
    {
      name: 'conversation_mention',
      key: { conversationId: 1, 'mentions.userId': 1, seq: 1 },
      partialFilterExpression: { 'mentions.userId': { $exists: true } },
    },
    { name: 'conversation_sender_client', key: { conversationId: 1, senderId: 1, clientId: 1 }, unique: true },
    { name: 'conversation_seq', key: { conversationId: 1, seq: 1 }, unique: true },
    {
      name: 'conversation_untold',
      key: { conversationId: 1, seq: 1, _id: 1 },
      partialFilterExpression: { outbox: { $exists: true } },
    },
    {
      name: 'conversation_words',
      key: { conversationId: 1, words: 1, createdAt: -1, _id: -1 },
      partialFilterExpression: { changedAt: { $exists: true }, words: { $exists: true } },
    },
    { name: 'disappears', key: { disappearsAt: 1 }, sparse: true },
    { name: 'outbox', key: { 'outbox.worker': 1, 'outbox.at': 1 }, sparse: true },
    { name: 'sender_created', key: { senderId: 1, createdAt: -1 } },
  ],
  uploads: [
    { name: 'attempts', key: { attempts: 1 }, sparse: true },
    { name: 'outbox', key: { 'outbox.worker': 1, 'outbox.at': 1 }, sparse: true },
    { name: 'owner', key: { ownerId: 1, _id: 1 } },
    { name: 'sweep_at', key: { sweepAt: 1 } },
  ],
  upload_usage: [{ name: 'open_at', key: { 'open.at': 1 }, sparse: true }],
  one_time_tokens: [
    { name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 0 },
    { name: 'hash', key: { hash: 1 }, unique: true },
  ],
  api_keys: [
    { name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 2_592_000 },
    { name: 'hash', key: { hash: 1 }, unique: true },
    { name: 'outbox', key: { 'outbox.worker': 1, 'outbox.at': 1 }, sparse: true },
    { name: 'revoked_at', key: { revokedAt: -1 }, sparse: true },
  ],
  idempotency_keys: [{ name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 0 }],
  receipts: [
    { name: 'conversation_user', key: { conversationId: 1, userId: 1 }, unique: true },
    { name: 'outbox', key: { 'outbox.worker': 1, 'outbox.at': 1 }, sparse: true },
    { name: 'user', key: { userId: 1 } },
  ],
  jobs: [
    { name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 0 },
    { name: 'live_key', key: { liveKey: 1 }, unique: true, sparse: true },
    { name: 'outbox', key: { 'outbox.worker': 1, 'outbox.at': 1 }, sparse: true },
    { name: 'status_due', key: { status: 1, dueAt: 1 } },
    { name: 'user_kind', key: { userId: 1, kind: 1, _id: -1 } },
  ],
  export_parts: [
    { name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 0 },
    { name: 'export_attempt_index', key: { exportId: 1, attempt: 1, index: 1 }, unique: true },
  ],
  security_alerts: [{ name: 'at', key: { at: 1 }, expireAfterSeconds: 86_400 }],
  audit: [
    { name: 'action_at', key: { action: 1, at: -1, _id: -1 } },
    { name: 'actor_at', key: { 'actor.id': 1, at: -1, _id: -1 } },
    { name: 'at', key: { at: 1 }, expireAfterSeconds: 7_776_000 },
    { name: 'newest', key: { at: -1, _id: -1 } },
    { name: 'origin_at', key: { 'origin.ip': 1, action: 1, outcome: 1, at: -1 } },
    { name: 'target_at', key: { 'target.id': 1, at: -1, _id: -1 } },
  ],
}

const started = async (...parameters: Parameters<typeof startTestApp>): Promise<TestApp> => {
  const app = await startTestApp(...parameters)
  onTestFinished(() => app.close())
  return app
}

/** What the last error in the log says. */
const whatIsMissing = ({ logs }: TestApp): string => JSON.parse(logs.at(-1) ?? '{}').err?.message ?? ''

const indexesOf = async ({ context }: TestApp) => {
  const { connection } = context.mongo
  const found = await Promise.all(
    Object.keys(declared).map(async (collection) => {
      const indexes = await connection.collection(collection).indexes()
      const own = indexes.filter(({ name }) => name !== '_id_').toSorted((a, b) => String(a.name).localeCompare(String(b.name)))
      return [collection, own.map(({ v: _, storageEngine: __, ...index }) => index)] // what a server adds of its own
    }),
  )
  return Object.fromEntries(found)
}

describe('indexes', () => {
  it('are made by the start in development and tests, even by several workers at once', async () => {
    const MONGO_URI = aDatabase()
    const workers = await Promise.all(['test', 'development', 'test'].map((NODE_ENV) => started({ NODE_ENV, MONGO_URI })))
    const [worker] = workers
    if (!worker) throw new Error('three were started')
    expect(await indexesOf(worker)).toEqual(declared)
  })

  it('are not made in production: it is not ready and says what to do, and becomes ready by itself once they are there', async () => {
    const app = await started({ NODE_ENV: 'production', LOG_LEVEL: 'error' }, { waitForDatabase: false })
    await expect.poll(() => app.logs.join(''), { timeout: deadlineMs }).toContain('npm run migrate')
    expect(whatIsMissing(app).match(/Message \{/g)).toHaveLength(declared.messages.length)
    await app.request.get('/health/ready').expect(503, { status: 'starting' })
    await app.request.get('/api/v1/users/me').expect(503)
    const collections = await app.context.mongo.connection.listCollections()
    expect(collections.map(({ name }) => name)).toEqual(['meta'])

    await bringUpToDate(app.context)
    await expect.poll(async () => (await app.request.get('/health/ready')).status, { timeout: deadlineMs }).toBe(200)
    const { ann, conversation } = await aDirectConversation(app)
    await ann.send(conversation.id, {}).expect(201)
  })

  it('of which one is missing keep production from starting, by its name', async () => {
    const MONGO_URI = aDatabase()
    const first = await started({ MONGO_URI })
    await first.context.mongo.connection.collection('messages').dropIndex('conversation_seq')
    const app = await started({ NODE_ENV: 'production', LOG_LEVEL: 'error', MONGO_URI }, { waitForDatabase: false })
    await expect.poll(() => app.logs.join(''), { timeout: deadlineMs }).toContain('npm run migrate')
    expect(whatIsMissing(app)).toMatch(/\(Message \{"conversationId":1,"seq":1\}\)$/)
    await app.request.get('/ready').expect(503)
  })

  it('of which one should be unique and is not keep production from starting', async () => {
    const MONGO_URI = aDatabase()
    const first = await started({ MONGO_URI })
    const messages = first.context.mongo.connection.collection('messages')
    await messages.dropIndex('conversation_seq')
    await messages.createIndex({ conversationId: 1, seq: 1 }, { name: 'conversation_seq' })
    const app = await started({ NODE_ENV: 'production', LOG_LEVEL: 'info', REDIS_URL: '', MONGO_URI }, { waitForDatabase: false })
    await expect.poll(() => app.logs.join(''), { timeout: deadlineMs }).toMatch(/npm run migrate|MongoDB: reached/)
    await app.request.get('/ready').expect(503)
    expect(whatIsMissing(app)).toContain('"seq":1')
  })
})
