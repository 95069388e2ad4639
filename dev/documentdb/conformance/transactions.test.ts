import type { ClientSession } from 'mongodb'
import { describe, expect, it, onTestFinished } from 'vitest'
import { numbers, useDatabase } from './support/database.js'
import { failure } from './support/failure.js'

const { client, db, name, collection } = useDatabase()
const unused = useDatabase()

const aTransaction = (): ClientSession => {
  const session = client.startSession()
  onTestFinished(() => session.endSession())
  session.startTransaction()
  return session
}

describe('a transaction', () => {
  it('commits over two collections, seen by itself alone until then', async () => {
    const a = await collection([{ _id: 0 }])
    const b = await collection([{ _id: 0 }])
    const session = aTransaction()
    await a.insertOne({ _id: 1 }, { session })
    await b.updateOne({ _id: 0 }, { $set: { x: 1 } }, { session })
    expect(await a.countDocuments({}, { session })).toBe(2)
    expect(await a.countDocuments()).toBe(1)
    await session.commitTransaction()
    expect(await a.countDocuments()).toBe(2)
    expect(await b.findOne()).toEqual({ _id: 0, x: 1 })
  })

  it('leaves nothing when aborted', async () => {
    const c = await collection([{ _id: 0 }])
    const session = aTransaction()
    await c.insertOne({ _id: 1 }, { session })
    await c.deleteOne({ _id: 0 }, { session })
    await session.abortTransaction()
    expect(await c.find().toArray()).toEqual([{ _id: 0 }])
  })

  it('reads from one snapshot', async () => {
    const c = await collection([{ _id: 0, v: 1 }])
    const session = aTransaction()
    expect(await c.findOne({}, { session })).toMatchObject({ v: 1 })
    await c.updateOne({}, { $set: { v: 2 } })
    expect(await c.findOne({}, { session })).toMatchObject({ v: 1 })
    await session.abortTransaction()
  })

  it('ends with its first error; what follows is 251 and transient', async () => {
    const c = await collection([{ _id: 0 }])
    const session = aTransaction()
    await c.insertOne({ _id: 5 }, { session })
    await failure(c.insertOne({ _id: 0 }, { session }), 11000)
    const next = await failure(c.insertOne({ _id: 9 }, { session }), 251)
    expect(next.hasErrorLabel('TransientTransactionError')).toBe(true)
    await session.abortTransaction()
    expect(await c.countDocuments()).toBe(1)
  })

  it('makes collections, upserts, finds and changes, and pages through a cursor', async () => {
    const c = db.collection<{ _id: number; a?: number }>(name())
    const session = aTransaction()
    for (const _id of numbers(5)) await c.insertOne({ _id }, { session })
    await c.updateOne({ _id: 9 }, { $set: { a: 1 } }, { upsert: true, session })
    await c.findOneAndUpdate({ _id: 9 }, { $inc: { a: 1 } }, { session })
    const found = await c.find({}, { session, batchSize: 2 }).sort({ _id: -1 }).toArray()
    expect(found.map((d) => d._id)).toEqual([9, 4, 3, 2, 1, 0])
    await session.commitTransaction()
    expect(await c.findOne({ _id: 9 })).toEqual({ _id: 9, a: 2 })
  })
})

describe('two writers of one document', () => {
  it('fails the transaction that writes second (112, transient)', async () => {
    const c = await collection([{ _id: 0, v: 1 }])
    const [first, second] = [aTransaction(), aTransaction()]
    await c.updateOne({ _id: 0 }, { $inc: { v: 1 } }, { session: first })
    const error = await failure(c.updateOne({ _id: 0 }, { $inc: { v: 1 } }, { session: second }), 112)
    expect(error.hasErrorLabel('TransientTransactionError')).toBe(true)
    await first.commitTransaction()
    expect(await c.findOne()).toMatchObject({ v: 2 })
  })

  it('fails the transaction whose snapshot is older than the write it meets (112, transient)', async () => {
    const c = await collection([{ _id: 0, v: 1 }])
    const session = aTransaction()
    await c.findOne({}, { session })
    await c.updateOne({ _id: 0 }, { $inc: { v: 1 } })
    const error = await failure(c.updateOne({ _id: 0 }, { $inc: { v: 1 } }, { session }), 112)
    expect(error.hasErrorLabel('TransientTransactionError')).toBe(true)
  })

  it('lets a single write wait for a transaction', async () => {
    const c = await collection([{ _id: 0, v: 0 }])
    const session = aTransaction()
    await c.updateOne({ _id: 0 }, { $inc: { v: 1 } }, { session })
    let waiting = true
    const waiter = c.updateOne({ _id: 0 }, { $inc: { v: 1 } }).finally(() => {
      waiting = false
    })
    // By the time another connection has been answered, the write has reached the server as well.
    for (const _ of numbers(20)) await c.findOne()
    expect(waiting).toBe(true)
    await session.commitTransaction()
    await waiter
    expect(await c.findOne()).toMatchObject({ v: 2 })
  })

  it('loses no update of twenty that read, then write', async () => {
    const c = await collection([{ _id: 0, v: 0 }])
    const increment = (session: ClientSession) =>
      session.withTransaction(async () => {
        const read = await c.findOne({ _id: 0 }, { session })
        await c.updateOne({ _id: 0 }, { $set: { v: read?.v + 1 } }, { session })
      })
    await Promise.all(numbers(20).map(() => client.withSession(increment)))
    expect(await c.findOne()).toMatchObject({ v: 20 })
  })

  it('does not let many open transactions starve the rest', async () => {
    const c = await collection([{ _id: 0, v: 0 }])
    const sessions = numbers(50).map(aTransaction)
    await Promise.all(sessions.map((session, _id) => c.insertOne({ _id: _id + 1 }, { session })))
    expect(await c.countDocuments()).toBe(1)
    const outcomes = await Promise.allSettled(sessions.map((session) => session.commitTransaction()))
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
    expect(await c.countDocuments()).toBe(51)
  })
})

it('refuses a commit of a transaction that it does not know (251)', async () => {
  const commit = unused.client.db('admin').command({ commitTransaction: 1, autocommit: false })
  await failure(commit, 251)
})
