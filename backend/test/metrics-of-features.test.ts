import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startMailServer } from './support/mail-server.js'
import { aDirectConversation, aPerson } from './support/people.js'
import { anAuthority } from './support/redis-server-certificates.js'
import { Scrape } from './support/scrape.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

const scrape = () => Scrape.of(app.url)

/** By how much samples rise while `work` goes on. */
const risenBy = async (samples: readonly (readonly [name: string, labels?: Record<string, string>])[], work: () => Promise<unknown>) => {
  const before = await scrape()
  await work()
  const after = await scrape()
  return samples.map(([name, labels]) => (after.value(name, labels) ?? Number.NaN) - (before.value(name, labels) ?? Number.NaN))
}

describe('what people do', () => {
  it('is counted as sign-ins, good and bad, are', async () => {
    const ann = await aPerson(app)
    const kinds = ['REGISTER_SUCCESS', 'LOGIN_SUCCESS', 'LOGIN_FAIL'].map((kind) => ['auth_events_total', { kind }] as const)
    const risen = await risenBy(kinds, async () => {
      await aPerson(app)
      await app.request.post('/api/v1/auth/login').send({ phone: ann.phone, password: ann.password }).expect(200)
      for (let n = 0; n < 2; n++)
        await app.request.post('/api/v1/auth/login').send({ phone: ann.phone, password: 'Wrong 1234567!' }).expect(401)
    })
    expect(risen).toEqual([1, 1, 2])
  })

  it('is counted as messages, actions and uploads, without what was refused', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const stranger = await aPerson(app)
    const samples = [
      ['messages_total'],
      ['user_actions_total', { action: 'message_sent' }],
      ['uploads_total', { outcome: 'begun' }],
      ['uploads_total', { outcome: 'refused' }],
    ] as const
    const risen = await risenBy(samples, async () => {
      for (let n = 0; n < 3; n++) await ann.send(conversation.id, {}).expect(201)
      await stranger.send(conversation.id, {}).expect(404)
      await ann.post('/uploads', { kind: 'nothing' }).expect(400)
    })
    expect(risen).toEqual([3, 3, 0, 1])
  })
})

describe('mails', () => {
  it('are counted by what they are about: those that were taken, and those that were not', async () => {
    const server = await startMailServer()
    const mailing = await startTestApp({ SMTP_HOST: '127.0.0.1', SMTP_PORT: String(server.port), MAIL_FROM: 'chat@example.com' })
    const ann = await aPerson(mailing)
    const sent = async (kind: string) => (await Scrape.of(mailing.url)).value('email_events_total', { kind })
    expect(await sent('VERIFY_SENT')).toBe(0)
    await ann.put('/auth/email').send({ email: 'ann@example.com' }).expect(202)
    await expect.poll(() => sent('VERIFY_SENT')).toBe(1)
    expect(await sent('RESET_SENT')).toBe(0)
    expect(await sent('VERIFY_FAILED')).toBe(0)
    await mailing.close()
    await server.close()
  })
})

describe('what the database alone knows', () => {
  it('is how many sessions there are that have not ended', async () => {
    const own = await startTestApp()
    const people = [await aPerson(own), await aPerson(own), await aPerson(own)]
    await people[0]?.post('/auth/logout', {}).expect(204)
    expect((await Scrape.of(own.url)).value('redis_sessions_active')).toBe(2)
    await own.close()
  })

  it('is what is to be told still, how old the oldest of it is, and when the last backup was made', async () => {
    const own = await startTestApp()
    const { connection } = own.context.mongo
    const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)
    await connection
      .collection('leases')
      .insertOne({ _id: 'worker:gone' as never, holder: 'gone', expiresAt: new Date(Date.now() + 60_000) })
    const outbox = [{ eventId: 'e', worker: 'gone', at: minutesAgo(10), type: 'message.created' }]
    await connection.collection('messages').insertOne({ _id: new Types.ObjectId(), conversationId: new Types.ObjectId(), seq: 1, outbox })
    await connection.collection('audit').insertMany([
      { action: 'backup.made', outcome: 'done', at: minutesAgo(60) },
      { action: 'backup.made', outcome: 'done', at: minutesAgo(30) },
      { action: 'backup.made', outcome: 'refused', at: minutesAgo(1) },
    ])
    const found = await Scrape.of(own.url)
    expect(found.value('outbox_pending')).toBe(1)
    expect(found.value('outbox_oldest_seconds')).toBeCloseTo(600, -2)
    expect(found.value('backup_last_success_timestamp_seconds')).toBeCloseTo(minutesAgo(30).getTime() / 1000, -2)
    await own.close()
  })

  it('is 0 where nothing waits and nobody made a backup', async () => {
    const own = await startTestApp()
    const found = await Scrape.of(own.url)
    for (const name of ['outbox_pending', 'outbox_oldest_seconds', 'backup_last_success_timestamp_seconds'])
      expect(found.value(name)).toBe(0)
    await own.close()
  })
})

describe('what a worker can use', () => {
  it('is told: MongoDB, Redis, and whether requests may come', async () => {
    const found = await scrape()
    for (const name of ['mongo_up', 'redis_up', 'server_ready']) expect(found.value(name)).toBe(1)
  })

  it('is told while it is away, at once, without what MongoDB alone knows', async () => {
    const away = await startTestApp(
      { MONGO_URI: 'mongodb://127.0.0.1:1', REDIS_URL: 'redis://127.0.0.1:1' },
      { waitForDatabase: false, waitForRedis: false },
    )
    const found = await Scrape.of(away.url)
    for (const name of ['mongo_up', 'redis_up', 'server_ready']) expect(found.value(name)).toBe(0)
    expect(found.value('outbox_pending')).toBeUndefined()
    await away.close()
  })
})

describe('a certificate', () => {
  it('is told with the moment that it is good no more, anew whenever it is asked for; -1 while there is none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'heliograph-certificate-'))
    const file = join(folder, 'ours.pem')
    const watching = await startTestApp({ METRICS_CERT_FILE: file })
    const expiry = async () => (await Scrape.of(watching.url)).value('certificate_expiry_timestamp_seconds')
    expect(await expiry()).toBe(-1)
    await anAuthority(folder, 'ours')
    expect(await expiry()).toBeCloseTo(Date.now() / 1000 + 86_400, -3)
    await writeFile(file, 'no certificate')
    expect(await expiry()).toBe(-1)
    await watching.close()
    await rm(folder, { recursive: true })
  })
})
