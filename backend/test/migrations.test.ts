import { readdirSync } from 'node:fs'
import { hostname } from 'node:os'
import type { mongo } from 'mongoose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { wordsOf } from '../src/features/messages/index.js'
import { migrations } from '../src/migrations/list.js'
import { alone } from '../src/migrations/lock.js'
import { titleOf } from '../src/migrations/migration.js'
import { bringUpToDate } from '../src/migrations/prepare.js'
import { runPending } from '../src/migrations/run.js'
import { aBackfill, anEmptyDatabase, migrated, migrating, oldMessages, running } from './support/migrations.js'
import { aDirectConversation, aPerson } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const titles = migrations.map(titleOf)
const dbOf = ({ context }: TestApp): mongo.Db => context.connection.getClient().db(context.connection.name)
const recordsOf = (db: mongo.Db) => db.collection<{ _id: number }>('migrations').find().sort({ _id: 1 }).toArray()

/** Makes of what an app has stored what an older version would have. */
const makeOld = async (db: mongo.Db): Promise<void> => {
  await db.collection('messages').updateMany({}, { $unset: { words: '', changedAt: '', outbox: '' } })
  await db.collection('conversations').updateMany({}, { $unset: { changedAt: '' } })
  await db.collection('users').updateMany({}, { $unset: { nameFolded: '', version: '' } })
  await db.collection('migrations').drop()
}

describe('the migrations', () => {
  it('are numbered without a gap, in the order of the list, each in the file of its number and name', () => {
    expect(migrations.map(({ number }) => number)).toEqual(migrations.map((_, n) => n + 1))
    const files = readdirSync(new URL('../src/migrations', import.meta.url)).filter((name) => /^\d/.test(name))
    expect(files.toSorted()).toEqual(titles.map((title) => `${title}.ts`))
  })

  it('let what an older version has stored be found, listed and shown, and are recorded', async () => {
    const app = await startTestApp({}, { forgetAfterMs: 0 })
    onTestFinished(() => app.close())
    const { ann, bob, conversation } = await aDirectConversation(app)
    await ann.send(conversation.id, { text: 'a heliograph on the hill' }).expect(201)
    await ann.send(conversation.id, { text: '!' }).expect(201)
    const db = dbOf(app)
    await expect.poll(() => db.collection('messages').countDocuments({ changedAt: { $exists: false } })).toBe(0)
    await makeOld(db)
    const found = async () => (await bob.get('/messages/search?q=heliograph').expect(200)).body.items.length
    const listed = async () => (await bob.get('/sync').expect(200)).body.items.length
    expect([await found(), await listed()]).toEqual([0, 0])

    const { code, output, errors } = await migrated(app.context.config.mongo.uri)
    expect({ code, errors }).toEqual({ code: 0, errors: '' })
    for (const title of titles) expect(output).toMatch(new RegExp(`^${title}: done in [\\d.]+ s$`, 'm'))
    expect([await found(), await listed()]).toEqual([1, 1])
    const { body: me } = await ann.get('/users/me').expect(200)
    expect(me.version).toBe(1)
    const { body: people } = await (await aPerson(app, { name: 'Zoe' })).get('/users?q=ann').expect(200)
    expect(people.items).toHaveLength(1)
    expect(await recordsOf(db)).toEqual(
      migrations.map(({ number, name }) => ({ _id: number, name, at: expect.any(Date), milliseconds: expect.any(Number) })),
    )
    const first = await recordsOf(db)
    expect(await migrated(app.context.config.mongo.uri)).toEqual({ code: 0, output: 'up to date\n', errors: '' })
    expect(await recordsOf(db)).toEqual(first)
  })

  it('give a message the words that it has, whoever edits and deletes it meanwhile', async () => {
    const app = await startTestApp({}, { forgetAfterMs: 0 })
    onTestFinished(() => app.close())
    const { ann, conversation } = await aDirectConversation(app)
    const ids: string[] = []
    for (const text of ['kept', 'to be edited', 'to be deleted', 'edited by a version that knows no words'])
      ids.push((await ann.send(conversation.id, { text }).expect(201)).body.id)
    const db = dbOf(app)
    const messages = db.collection('messages')
    await expect.poll(() => messages.countDocuments({ outbox: { $exists: true } })).toBe(0)
    await makeOld(db)
    const [, edited, deleted] = ids
    const meanwhile = async () => {
      await ann.patch(`/messages/${edited}`, { text: 'something else' }).expect(200)
      await ann.delete(`/messages/${deleted}?scope=all`).expect(200)
      await messages.updateOne({ text: /^edited by a version/ }, { $set: { text: 'words of another day' }, $inc: { version: 1 } })
    }
    await running(beforeFirstWrite(db, meanwhile), migrations)
    for (const { _id, text, words, changedAt } of await messages.find({ text: { $type: 'string' } }).toArray())
      expect({ _id, words, changedAt }).toEqual({ _id, words: wordsOf(text), changedAt: expect.any(Date) })
    const gone = await messages.findOne({ deletedAt: { $exists: true } })
    expect(gone).toMatchObject({ text: null })
    expect(gone).not.toHaveProperty('words')
  })
})

/** The database, where something happens between the first reading of documents and the writing of what they lack. */
const beforeFirstWrite = (db: mongo.Db, meanwhile: () => Promise<void>): mongo.Db => {
  let happened = false
  const collection = (name: string) => {
    const real = db.collection(name)
    return new Proxy(real, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target)
        if (property !== 'bulkWrite') return typeof value === 'function' ? value.bind(target) : value
        return async (...given: Parameters<typeof real.bulkWrite>) => {
          if (!happened) await meanwhile()
          happened = true
          return real.bulkWrite(...given)
        }
      },
    })
  }
  return new Proxy(db, { get: (target, property) => (property === 'collection' ? collection : Reflect.get(target, property, target)) })
}

describe('a migration that dies half-way', () => {
  it('by an error says which one and how far, is not recorded, and goes on from there', async () => {
    const { db } = await anEmptyDatabase()
    const documents = oldMessages(100)
    await db.collection('messages').insertMany(documents)
    const seen: number[] = []
    let broken = true
    const migration = aBackfill(({ seq }) => {
      if (broken && seq === 35) throw new Error('seq 35 is odd')
      seen.push(seq)
    })
    await expect(running(db, [migration])).rejects.toThrow(/^0007-test did not come to its end: seq 35 is odd\. What was done stays/)
    expect(await db.collection('messages').countDocuments({ words: { $exists: true } })).toBe(30)
    expect(await recordsOf(db)).toEqual([{ _id: 7, name: 'test', position: documents[29]?.['_id'] }])
    broken = false
    seen.length = 0
    await running(db, [migration])
    expect(seen).toEqual(Array.from({ length: 70 }, (_, n) => n + 31))
    expect(await db.collection('messages').countDocuments({ words: { $exists: true } })).toBe(100)
    expect(await recordsOf(db)).toEqual([{ _id: 7, name: 'test', at: expect.any(Date), milliseconds: expect.any(Number) }])
  })

  it('by SIGKILL leaves nothing half done: the next one waits until its lock has run out, and does the rest', {
    timeout: 180_000,
  }, async () => {
    const { uri, db } = await anEmptyDatabase()
    expect((await migrated(uri)).code).toBe(0)
    await db.collection('migrations').drop()
    const messages = db.collection('messages')
    for (let n = 0; n < 10; n++) await messages.insertMany(oldMessages(1000))
    const lacking = () => messages.countDocuments({ words: { $exists: false } })
    const first = migrating(uri)
    while ((await messages.findOne({ words: { $exists: true } }, { projection: { _id: 1 } })) === null)
      expect(first.output()).not.toContain('done')
    first.signal('SIGSTOP')
    const left = await lacking()
    expect(left).toBeGreaterThan(0)
    first.signal('SIGKILL')
    expect(await first.ended()).toMatchObject({ code: null })
    expect((await recordsOf(db)).some((record) => 'at' in record)).toBe(false)

    const second = await migrated(uri)
    expect(second).toMatchObject({ code: 0, errors: '' })
    expect(second.output).toContain(`waiting for another migration that is under way (process ${first.pid} on ${hostname()}, since 2`)
    expect(await lacking()).toBe(0)
    for await (const { text, words } of messages.find({}, { projection: { text: 1, words: 1 } })) expect(words).toEqual(wordsOf(text))
    expect((await recordsOf(db)).map(({ _id }) => _id)).toEqual(migrations.map(({ number }) => number))
  })
})

describe('the lock of the migrations', () => {
  const signal = new AbortController().signal
  const tell = () => undefined

  it('is held by one at a time, however many want it at once', async () => {
    const { db } = await anEmptyDatabase()
    let [inside, most, all] = [0, 0, 0]
    const work = async () => {
      inside += 1
      most = Math.max(most, inside)
      await db.collection('messages').countDocuments()
      all += 1
      inside -= 1
    }
    await Promise.all(Array.from({ length: 6 }, () => alone({ db, waitMs: 60_000, tell, signal }, work)))
    expect({ most, all }).toEqual({ most: 1, all: 6 })
  })

  it('is kept for as long as the work takes, and lost by who cannot renew it, who then does nothing more', async () => {
    const { db } = await anEmptyDatabase()
    const leases = db.collection<{ _id: string; holder: string }>('leases')
    const leaseMs = 900
    await alone({ db, waitMs: 0, tell, signal, leaseMs }, async (lock) => {
      const held = () =>
        lock.requireHeld().then(
          () => 'held',
          (error: unknown) => (error instanceof Error ? error.message : ''),
        )
      const first = await leases.findOne()
      const later = () => leases.findOne({ $expr: { $gt: ['$expiresAt', { $add: ['$since', 3 * leaseMs] }] } })
      await expect.poll(later).toMatchObject({ holder: first?.holder })
      await expect.poll(held).toBe('held')
      await leases.updateOne({}, { $set: { holder: 'another one' } })
      await expect.poll(held).toBe('the lock was lost: another migration may be under way')
    })
    expect(await leases.findOne()).toMatchObject({ holder: 'another one' })
  })

  it('stops a migration that has lost it, which is not recorded', async () => {
    const { db } = await anEmptyDatabase()
    await db.collection('messages').insertMany(oldMessages(30))
    let allowed = 2
    const lock = {
      requireHeld: async () => {
        allowed -= 1
        if (allowed < 0) throw new Error('lost')
      },
    }
    const migration = aBackfill(() => undefined)
    await expect(runPending({ db, migrations: [migration], lock, signal, tell })).rejects.toThrow('0007-test did not come to its end: lost')
    expect(await db.collection('messages').countDocuments({ words: { $exists: true } })).toBe(10)
    expect((await recordsOf(db))[0]).not.toHaveProperty('at')
  })
})

describe('the start of a worker', () => {
  const production = { NODE_ENV: 'production', LOG_LEVEL: 'info' }
  const started = async (MONGO_URI: string) => {
    const app = await startTestApp({ ...production, MONGO_URI }, { waitForDatabase: false })
    onTestFinished(() => app.close())
    return app
  }
  const statusOf = async (app: TestApp) => (await app.request.get('/health/ready')).status

  it('waits in production for the migrations that it needs, says which and what to do, and then goes on', async () => {
    const first = await startTestApp()
    onTestFinished(() => first.close())
    const [one, ...others] = titles
    await dbOf(first).collection<{ _id: number }>('migrations').deleteOne({ _id: 1 })
    const app = await started(first.context.config.mongo.uri)
    await expect.poll(() => app.logs.join('')).toContain(`Migrations are missing; run: npm run migrate (${one})`)
    expect(app.logs.join('')).not.toContain(others[0])
    expect(await statusOf(app)).toBe(503)
    expect(await recordsOf(dbOf(first))).toHaveLength(migrations.length - 1)
    await bringUpToDate(app.context)
    await expect.poll(() => statusOf(app)).toBe(200)
  })

  it('goes well at a database that a newer version has migrated, and says so', async () => {
    const first = await startTestApp()
    onTestFinished(() => first.close())
    await dbOf(first)
      .collection<{ _id: number; name: string; at: Date }>('migrations')
      .insertOne({ _id: 9000, name: 'of-tomorrow', at: new Date() })
    const app = await started(first.context.config.mongo.uri)
    await expect.poll(() => statusOf(app)).toBe(200)
    const told = app.logs.find((line) => line.includes('the database was migrated by a newer version'))
    expect(JSON.parse(told ?? '{}')).toMatchObject({ migrations: ['9000-of-tomorrow'] })
  })

  it('does them by itself in development, however many workers start at once', async () => {
    const first = await startTestApp()
    onTestFinished(() => first.close())
    const db = dbOf(first)
    await db.collection('messages').insertMany(oldMessages(20))
    await db.collection('migrations').deleteMany({})
    const MONGO_URI = first.context.config.mongo.uri
    const workers = await Promise.all(['development', 'test', 'development'].map((NODE_ENV) => startTestApp({ NODE_ENV, MONGO_URI })))
    for (const worker of workers) onTestFinished(() => worker.close())
    expect((await recordsOf(db)).filter((record) => 'at' in record)).toHaveLength(migrations.length)
    expect(await db.collection('messages').countDocuments({ words: { $exists: false } })).toBe(0)
  })
})
