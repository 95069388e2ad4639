import { describe, expect, it } from 'vitest'
import { numbers, useDatabase } from './support/database.js'
import { failure } from './support/failure.js'

const { db, name, collection } = useDatabase()

describe('a duplicate key', () => {
  it('tells index, key and value', async () => {
    const c = await collection([{ e: 'x' }], [{ e: 1 }, { unique: true }])
    const error = await failure(c.insertOne({ e: 'x' }), 11000)
    expect(error.message).toContain(`E11000 duplicate key error collection: ${db.databaseName}.${c.collectionName} index: e_1 dup key`)
    expect(error).toMatchObject({ keyPattern: { e: 1 }, keyValue: { e: 'x' } })
  })

  it('tells them for the one of many that failed', async () => {
    const c = await collection([{ e: 'x' }], [{ e: 1 }, { unique: true }])
    const error = await failure(c.insertMany([{ e: 'w' }, { e: 'x' }]), 11000)
    expect(error).toMatchObject({ writeErrors: [{ index: 1, code: 11000, errmsg: expect.stringContaining('index: e_1 dup key') }] })
  })

  it('fails an update', async () => {
    const c = await collection(
      [
        { _id: 1, e: 'x' },
        { _id: 2, e: 'y' },
      ],
      [{ e: 1 }, { unique: true }],
    )
    await failure(c.updateOne({ _id: 2 }, { $set: { e: 'x' } }), 11000)
  })

  it('fails a findOneAndUpdate', async () => {
    const c = await collection(
      [
        { _id: 1, e: 'x' },
        { _id: 2, e: 'y' },
      ],
      [{ e: 1 }, { unique: true }],
    )
    await failure(c.findOneAndUpdate({ _id: 2 }, { $set: { e: 'x' } }), 11000)
  })
})

describe('the code of an error', () => {
  it('is 2 for an unknown query operator', async () => {
    const c = await collection([{ a: 'x' }])
    await failure(c.find({ a: { $foo: 1 } }).toArray(), 2)
  })

  it('is 66 for a change of _id', async () => {
    const c = await collection([{ _id: 1 }])
    await failure(c.updateOne({ _id: 1 }, { $set: { _id: 2 } }), 66)
  })

  it('is 40 for two changes of one field', async () => {
    const c = await collection([{ _id: 1 }])
    await failure(c.updateOne({ _id: 1 }, { $set: { b: 1 }, $inc: { b: 1 } }), 40)
  })

  it('is 14 for an increment of a text', async () => {
    const c = await collection([{ _id: 1, a: 'x' }])
    await failure(c.updateOne({ _id: 1 }, { $inc: { a: 1 } }), 14)
  })

  it('is 9 for an unknown update operator', async () => {
    const c = await collection([{ _id: 1 }])
    await failure(c.updateOne({ _id: 1 }, { $bogus: { a: 1 } }), 9)
  })

  it('is 59 for an unknown command', async () => {
    await failure(db.command({ nope: 1 }), 59)
  })

  it('is 121 for what a validator refuses', async () => {
    const c = await db.createCollection(name(), { validator: { $jsonSchema: { bsonType: 'object', required: ['a'] } } })
    await failure(c.insertOne({ b: 1 }), 121)
  })

  it('is 50 for what took longer than maxTimeMS, and the connection goes on', async () => {
    const c = await collection(numbers(3000).map((i) => ({ i, t: 'x'.repeat(50) })))
    const pipeline = [{ $match: { $expr: { $lt: [{ $add: ['$i', '$$i'] }, 7] } } }]
    const slow = c.aggregate([{ $lookup: { from: c.collectionName, let: { i: '$i' }, pipeline, as: 'o' } }, { $match: { 'o.5': 1 } }], {
      maxTimeMS: 50,
    })
    await failure(slow.toArray(), 50)
    expect(await c.countDocuments()).toBe(3000)
  })
})
