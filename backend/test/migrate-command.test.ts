import { hostname } from 'node:os'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { migrations } from '../src/migrations/list.js'
import { alone } from '../src/migrations/lock.js'
import { titleOf } from '../src/migrations/migration.js'
import { percentOf } from '../src/platform/index-builds.js'
import { anEmptyDatabase, migrated, migrating, oldMessages } from './support/migrations.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'

const titles = migrations.map(titleOf)

describe('npm run migrate', { timeout: 120_000 }, () => {
  it('tells which index of how many it has made, and each migration, and ends with 0', async () => {
    const { uri, db } = await anEmptyDatabase()
    const { code, output, errors } = await migrated(uri)
    expect({ code, errors }).toEqual({ code: 0, errors: '' })
    const made = [...output.matchAll(/^index (\d+) of (\d+): (\w+) (\w+): made in [\d.]+ s$/gm)]
    expect(made.length).toBeGreaterThan(40)
    expect(made.map(([, n, of]) => [Number(n), Number(of)])).toEqual(made.map((_, n) => [n + 1, made.length]))
    expect(made.map(([, , , collection, name]) => `${collection} ${name}`)).toContain('messages conversation_seq')
    for (const title of titles) expect(output).toContain(`\n${title}: done in `)
    expect(output).toMatch(/\nup to date\n$/)
    expect(await db.collection('leases').countDocuments()).toBe(0)
  })

  it('says with --dry-run what it would do, and changes nothing', async () => {
    const { uri, db } = await anEmptyDatabase()
    const empty = await migrated(uri, ['--dry-run'])
    expect(empty).toMatchObject({ code: 0, errors: '' })
    expect(empty.output).toContain('would make the index messages conversation_seq\n')
    for (const title of titles) expect(empty.output).toMatch(new RegExp(`^would run ${title}: .* \\(0 documents to look at\\)$`, 'm'))
    expect(empty.output).toMatch(/\nnothing was changed\n$/)
    expect(await db.listCollections().toArray()).toEqual([])

    await migrated(uri)
    await db.collection('migrations').deleteMany({})
    const old = oldMessages(3)
    await db.collection('messages').insertMany(old)
    const { output } = await migrated(uri, ['--dry-run'])
    expect(output).not.toContain('index')
    expect(output).toMatch(new RegExp(`^would run ${titles[0]}: .* \\(3 documents to look at\\)$`, 'm'))
    expect(await db.collection('messages').find().sort({ _id: 1 }).toArray()).toEqual(old)
    expect(await db.collection('migrations').countDocuments()).toBe(0)
    expect(await db.collection('leases').countDocuments()).toBe(0)

    await migrated(uri)
    expect(await migrated(uri, ['--dry-run'])).toEqual({ code: 0, output: 'there is nothing to do\n', errors: '' })
  })

  it('waits for another one that is under way, says who that is, and goes on when it has ended', async () => {
    const { uri, db } = await anEmptyDatabase()
    const who = `another migration is under way (process ${process.pid} on ${hostname()}, since 2`
    const other = { db, waitMs: 0, tell: () => undefined, signal: new AbortController().signal }
    const second = await alone(other, async () => {
      const impatient = await migrated(uri, ['--wait', '1'])
      expect(impatient).toMatchObject({ code: 1, errors: expect.stringContaining(who) })
      expect(impatient.errors).toContain('did not end within 1 s')
      const rehearsed = await migrated(uri, ['--dry-run'])
      expect(rehearsed).toMatchObject({ code: 0, output: expect.stringContaining(who) })
      const [stopped, waiting] = [migrating(uri), migrating(uri)]
      for (const each of [stopped, waiting])
        await expect.poll(() => each.output()).toContain('waiting for another migration that is under way')
      stopped.signal('SIGINT')
      expect(await stopped.ended()).toMatchObject({ code: 1, errors: 'it was told to stop\n' })
      return waiting
    })
    expect(await second.ended()).toMatchObject({ code: 0, errors: '' })
  })

  it('stops when it is told to, after the batch that is being done, and gives the lock free', async () => {
    const { uri, db } = await anEmptyDatabase()
    await migrated(uri)
    await db.collection('migrations').deleteMany({})
    for (let n = 0; n < 10; n++) await db.collection('messages').insertMany(oldMessages(1000))
    const stopped = migrating(uri)
    await expect.poll(() => stopped.output(), { interval: 5 }).toContain(titles[0])
    stopped.signal('SIGTERM')
    const { code, errors } = await stopped.ended()
    expect({ code, errors }).toEqual({
      code: 1,
      errors: `${titles[0]} did not come to its end: it was told to stop. What was done stays; it goes on from there when it is run again.\n`,
    })
    expect(await db.collection('leases').countDocuments()).toBe(0)
    const { output } = await migrated(uri, ['--wait', '0'])
    expect(output).toContain('up to date')
    expect(await db.collection('messages').countDocuments({ words: { $exists: false } })).toBe(0)
  })

  it('names the index that cannot be made, and migrates nothing', async () => {
    const { uri, db } = await anEmptyDatabase()
    await db.collection<{ _id: number }>('users').insertMany([1, 2].map((_id) => ({ _id, phone: '+491', name: 'Ann' })))
    const { code, errors } = await migrated(uri)
    expect(code).toBe(1)
    expect(errors).toMatch(/^index \d+ of \d+: users phone cannot be made: .*(duplicate|unique)/i)
    expect(await db.collection('migrations').countDocuments()).toBe(0)
  })

  it('leaves what a newer version has done, and says so', async () => {
    const { uri, db } = await anEmptyDatabase()
    await migrated(uri)
    await db.collection<{ _id: number; name: string; at: Date }>('migrations').insertOne({ _id: 9000, name: 'of-tomorrow', at: new Date() })
    expect(await migrated(uri)).toEqual({ code: 0, output: 'up to date: it was migrated by a newer version, too\n', errors: '' })
  })

  it('refuses a database that knows another migration by the same number', async () => {
    const { uri, db } = await anEmptyDatabase()
    await db
      .collection<{ _id: number; name: string; at: Date }>('migrations')
      .insertOne({ _id: 1, name: 'of-somebody-else', at: new Date() })
    const { code, errors } = await migrated(uri)
    expect({ code, errors }).toEqual({
      code: 1,
      errors: `The database knows the migration 0001-of-somebody-else where this version has ${titles[0]}\n`,
    })
  })

  it('says that MongoDB is away, and ends with 1', async () => {
    const { code, output, errors } = await migrated(`mongodb://127.0.0.1:${await freePort()}/nowhere`, ['--wait', '1'], {
      MONGO_SELECTION_TIMEOUT_MS: '100',
    })
    expect({ code, output }).toEqual({ code: 1, output: '' })
    expect(errors).toMatch(/^MongoDB cannot be reached within 1 s: .*ECONNREFUSED.*\n$/)
  })

  it.each([
    [['--fast'], "Unknown option '--fast'"],
    [['now'], "Unexpected argument 'now'"],
    [['--wait', 'soon'], '--wait is a whole number of seconds'],
    [['--wait', '-1'], '--wait'],
    [['--wait', '86401'], '86400 at most'],
    [['--dry-run=yes'], '--dry-run'],
  ])('ends with 2 and its usage for %j', async (words, said) => {
    const { code, output, errors } = await migrated(inject('mongoUrl'), words)
    expect({ code, output }).toEqual({ code: 2, output: '' })
    expect(errors).toContain(said)
    expect(errors).toContain('npm run migrate -- [--dry-run] [--wait <seconds>]')
  })

  it('tells the faults of its configuration, and ends with 1', async () => {
    const { code, errors } = await migrated(inject('mongoUrl'), [], { JWT_SECRET: 'short' })
    expect(code).toBe(1)
    expect(errors).toMatch(/^The configuration has a fault:\n {2}JWT_SECRET: /)
  })
})

describe('what $currentOp says of an index that is being built', () => {
  it.each([
    [{ msg: 'Index Build: scanning collection', progress: { done: 430, total: 1000 } }, 43],
    [{ msg: 'Index Build: inserting keys from external sorter into index', progress: { done: 1001, total: 1000 } }, 100],
    [{ msg: 'Index Build: draining writes received during build' }, undefined],
    [{ progress: { done: 0, total: 0 } }, undefined],
    [undefined, undefined],
  ])('%j is %j percent', (operation, percent) => {
    expect(percentOf(operation)).toBe(percent)
  })
})

describe('npm run migrate, when MongoDB goes away in the middle', { timeout: 120_000 }, () => {
  const halfWay = async (words: readonly string[]) => {
    const { uri, db } = await anEmptyDatabase()
    await migrated(uri)
    await db.collection('migrations').deleteMany({})
    for (let n = 0; n < 10; n++) await db.collection('messages').insertMany(oldMessages(1000))
    const proxy = await TcpProxy.open(targetOf(uri))
    onTestFinished(() => proxy.close())
    const command = migrating(through(uri, proxy), words, { MONGO_SELECTION_TIMEOUT_MS: '1000' })
    while ((await db.collection('messages').findOne({ words: { $exists: true } }, { projection: { _id: 1 } })) === null)
      expect(command.output()).not.toContain('done')
    proxy.cut()
    const lacking = () => db.collection('messages').countDocuments({ words: { $exists: false } })
    expect(await lacking()).toBeGreaterThan(0)
    return { command, proxy, lacking }
  }

  it('waits for it, and goes on', async () => {
    const { command, proxy, lacking } = await halfWay([])
    proxy.restore()
    expect(await command.ended()).toMatchObject({ code: 0, errors: '' })
    expect(await lacking()).toBe(0)
  })

  it('ends with 1 where that takes longer than it was told to wait, and says that it can be run again', async () => {
    const { command } = await halfWay(['--wait', '1'])
    const { code, errors } = await command.ended()
    expect(code).toBe(1)
    expect(errors).toMatch(
      new RegExp(`^${titles[0]} did not come to its end: .+ What was done stays; it goes on from there when it is run again\\.\\n$`),
    )
  })
})

describe('npm run migrate, while an index takes long', { timeout: 120_000 }, () => {
  /** A transaction has written to the messages: an index of them cannot be made before it ends. */
  const waitingForAnIndex = async () => {
    const { uri, db } = await anEmptyDatabase()
    await migrated(uri)
    await db.collection('messages').dropIndex('conversation_created')
    const session = db.client.startSession()
    onTestFinished(() => session.endSession())
    session.startTransaction()
    await db.collection('messages').insertMany(oldMessages(1), { session })
    const command = migrating(uri)
    await expect.poll(() => command.output()).toMatch(/^index 1 of 1: messages conversation_created: [\d.]+ s$/m)
    return { command, session, db, uri }
  }

  it('says so every few seconds', async () => {
    const { command, session } = await waitingForAnIndex()
    await session.abortTransaction()
    const { code, output } = await command.ended()
    expect(code).toBe(0)
    expect(output).toMatch(/^index 1 of 1: messages conversation_created: made in [\d.]+ s$/m)
  })

  it('stops all the same when it is told to, and can be run again', async () => {
    const { command, session, db, uri } = await waitingForAnIndex()
    command.signal('SIGTERM')
    expect(await command.ended()).toMatchObject({ code: 1, errors: 'stopped: run it again, and it goes on\n' })
    await session.abortTransaction()
    expect(await migrated(uri)).toMatchObject({ code: 0 })
    expect((await db.collection('messages').indexes()).map(({ name }) => name)).toContain('conversation_created')
  })
})
