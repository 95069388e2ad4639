import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { expect, it, onTestFinished, vi } from 'vitest'
import { uriOfDatabase } from '../src/backup/database.js'
import { admin, aPlace, backUp, databaseOf, leaseOver, serverOf } from './support/backups.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

/** Starts a worker at a database of the app's server, as it is after a restore. */
const appAt = async (app: TestApp, database: string): Promise<TestApp> => {
  const restored = await startTestApp(
    { MONGO_URI: uriOfDatabase(app.context.config.mongo.uri, database), JWT_SECRET: app.secret },
    { consistency: { patienceMs: 0 }, forgetAfterMs: 0 },
  )
  onTestFinished(() => restored.close())
  return restored
}

/** What the consistency check finds in all conversations. */
const differencesIn = async ({ context }: TestApp): Promise<unknown[]> => {
  const found: unknown[] = []
  for await (const { differences } of context.consistency.checkAll({ repair: false }, { actor: { kind: 'operator' } }))
    found.push(...differences)
  return found
}

const clientIdsIn = async (database: ReturnType<typeof databaseOf>, conversationId: string): Promise<string[]> => {
  const messages = database.collection('messages').find({ conversationId: new Types.ObjectId(conversationId) }, { sort: { seq: 1 } })
  return (await messages.toArray()).map(({ clientId }) => String(clientId))
}

it('is of a moment that fits together while people write, come, read and go: nothing acknowledged before is missing, nothing untold is lost', {
  timeout: 180_000,
}, async () => {
  const app = await startTestApp() // with the time that outboxes keep what was told
  onTestFinished(() => app.close())
  const { ann, bob, conversation } = await aDirectConversation(app)
  const { owner, conversation: group } = await aGroup(app, 3)
  const acknowledged: string[] = []
  const stopping = new AbortController()
  const send = async (person: Person, conversationId: string) => {
    const clientId = randomUUID()
    await person.send(conversationId, { clientId }).expect(201)
    if (conversationId === conversation.id) acknowledged.push(clientId)
  }
  const writing = [ann, bob].map(async (person) => {
    while (!stopping.signal.aborted) await send(person, conversation.id)
  })
  await vi.waitUntil(() => acknowledged.length > 50, { timeout: 30_000 })
  const leaver = await aPerson(app)
  const before = [...acknowledged]

  let newcomer: Person | undefined
  const { path } = await backUp(app, {
    async onStep(collection) {
      const [sofar, someone] = [acknowledged.length, await aPerson(app, { name: 'Newcomer' })]
      if (collection === 'receipts') {
        // once sessions are copied, and before conversations and people are: in the copy
        newcomer = someone
        await owner.post(`/conversations/${group.id}/members`, { userIds: [someone.id] }).expect(200)
        await send(someone, group.id)
      }
      if (collection === 'conversations') await bob.post(`/conversations/${conversation.id}/receipts`, { readSeq: sofar }).expect(204)
      if (collection === 'users') await leaver.delete('/users/me').send({ password: leaver.password }).expect(204) // its job is not in the copy
      if (collection === 'uploads')
        await send(someone, (await someone.post('/conversations', { type: 'direct', userId: ann.id }).expect(201)).body.id)
      await vi.waitUntil(() => acknowledged.length >= sofar + 3, { timeout: 30_000 })
    },
  })
  stopping.abort()
  await Promise.all(writing)
  await leaseOver(app)
  await app.context.sweeper.stop()

  const into = aPlace(app)
  expect(await admin(app, ['restore', path, '--into', into, '--yes'])).toMatchObject({ exitCode: 0 })
  const database = serverOf(app).db(into)
  const copied = await clientIdsIn(database, conversation.id)
  const all = await clientIdsIn(databaseOf(app), conversation.id)
  expect(copied).toEqual(all.slice(0, copied.length)) // in the same order, and without a gap
  expect(copied.length).toBeGreaterThanOrEqual(before.length)
  expect(before.filter((clientId) => !copied.includes(clientId))).toEqual([])
  expect(await database.collection('users').countDocuments({ _id: new Types.ObjectId(newcomer?.id) })).toBe(1)
  const deletion = { kind: 'account_deletion', userId: new Types.ObjectId(leaver.id), status: 'waiting' }
  expect(await database.collection('jobs').countDocuments(deletion)).toBe(1)

  const untoldIn = async () => {
    const counts = ['messages', 'conversations', 'users', 'receipts', 'sessions'].map((name) =>
      database.collection(name).countDocuments({ 'outbox.0': { $exists: true } }),
    )
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
  }
  expect(await untoldIn()).toBeGreaterThan(0)
  const restored = await appAt(app, into)
  await vi.waitUntil(async () => (await untoldIn()) === 0, { timeout: 60_000, interval: 200 }) // told by a worker that never knew who left it
  await vi.waitUntil(async () => (await database.collection('jobs').countDocuments({ ...deletion, status: 'done' })) === 1, {
    timeout: 60_000,
  })
  expect(await differencesIn(restored)).toEqual([])
})
