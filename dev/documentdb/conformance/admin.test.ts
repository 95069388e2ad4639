import type { ChangeStreamInsertDocument } from 'mongodb'
import { describe, expect, it, onTestFinished } from 'vitest'
import { numbers, onDocumentDb, type Stored, useDatabase } from './support/database.js'
import { failure } from './support/failure.js'

const { client, db, name, collection } = useDatabase()

describe('explain', () => {
  it('tells an index from a scan, for find and aggregate', async () => {
    const c = await collection(
      numbers(2000).map((i) => ({ a: i, b: i % 10 })),
      [{ a: 1 }],
    )
    expect(JSON.stringify(await c.find({ a: 5 }).explain('queryPlanner'))).toContain('IXSCAN')
    expect(JSON.stringify(await c.find({ b: 5 }).explain())).toContain('COLLSCAN')
    expect(JSON.stringify(await c.aggregate([{ $match: { a: 5 } }]).explain())).toContain('IXSCAN')
  })

  it('tells that an index serves filter and sort together', async () => {
    const c = await collection(
      numbers(2000).map((i) => ({ a: i % 4, n: i })),
      [{ a: 1, n: 1 }],
    )
    const plan = JSON.stringify(
      (
        await c
          .find({ a: 1, n: { $gt: 5 } })
          .sort({ n: 1 })
          .limit(20)
          .explain()
      ).queryPlanner.winningPlan,
    )
    expect(plan).toContain('IXSCAN')
    expect(plan).not.toContain('"SORT"')
  })
})

describe('collections', () => {
  it('are listed, renamed and dropped', async () => {
    const c = await collection([{ a: 1 }])
    const renamed = name()
    await c.rename(renamed)
    const names = (await db.listCollections().toArray()).map((each) => each.name)
    expect(names).toContain(renamed)
    expect(names).not.toContain(c.collectionName)
    await db.dropCollection(renamed)
    expect(await db.listCollections({ name: renamed }).toArray()).toEqual([])
  })

  it('can be dropped without being there', async () => {
    await expect(db.collection(name()).drop()).resolves.toBe(true)
  })

  it('can be views', async () => {
    const c = await collection([{ a: 1 }, { a: 2 }])
    const view = await db.createCollection(name(), { viewOn: c.collectionName, pipeline: [{ $match: { a: 2 } }] })
    expect(await view.find().toArray()).toMatchObject([{ a: 2 }])
  })

  it('can be capped (a gap of DocumentDB: 115)', async () => {
    const made = db.createCollection(name(), { capped: true, size: 4096 })
    if (onDocumentDb()) return void (await failure(made, 115))
    expect(await (await made).isCapped()).toBe(true)
  })

  it('tell of changes (a gap of DocumentDB: 115)', async () => {
    const c = await collection([{ a: 1 }])
    const stream = c.watch<Stored, ChangeStreamInsertDocument<Stored>>()
    onTestFinished(() => stream.close())
    if (onDocumentDb()) return void (await failure(stream.next(), 115))
    const opened = stream.tryNext() // returns when the stream stands
    await opened
    await c.insertOne({ b: 1 })
    expect(await stream.next()).toMatchObject({ operationType: 'insert', fullDocument: { b: 1 } })
  })
})

describe('commands for tools', () => {
  it('lists databases', async () => {
    await collection([{ a: 1 }])
    const { databases } = await client.db('admin').admin().listDatabases()
    expect(databases.map((each) => each.name)).toContain(db.databaseName)
  })

  it('counts what a collection and a database hold', async () => {
    const c = await collection([{ a: 1 }])
    expect(await db.command({ collStats: c.collectionName })).toMatchObject({ ns: c.namespace, count: expect.any(Number) })
    expect((await db.stats()).collections).toBeGreaterThan(0)
  })

  it('validates a collection', async () => {
    const c = await collection([{ a: 1 }])
    expect(await db.command({ validate: c.collectionName })).toMatchObject({ valid: true })
  })

  it('tells what runs, and its version', async () => {
    expect(await client.db('admin').command({ currentOp: 1 })).toMatchObject({ inprog: expect.any(Array) })
    const { version } = await client.db('admin').command({ buildInfo: 1 })
    expect(Number.parseInt(String(version), 10)).toBeGreaterThanOrEqual(7)
  })
})
