import { Decimal128, Long } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { numbers, useDatabase } from './support/database.js'
import { failure } from './support/failure.js'

const { collection } = useDatabase()

describe('inserting', () => {
  it('gives back every type as it was', async () => {
    const c = await collection()
    const { insertedId } = await c.insertOne({
      text: 'é',
      date: new Date(5),
      none: null,
      long: Long.fromString('9007199254740993'),
      nested: { list: [1, { y: 2 }] },
      bytes: Buffer.from([0, 255]),
      decimal: Decimal128.fromString('1.5'),
    })
    const found = await c.findOne({ _id: insertedId }, { promoteLongs: false })
    expect(found).toMatchObject({ text: 'é', date: new Date(5), none: null, nested: { list: [1, { y: 2 }] } })
    expect(String(found?.long)).toBe('9007199254740993')
    expect([...(found?.bytes.buffer ?? [])]).toEqual([0, 255])
    expect(String(found?.decimal)).toBe('1.5')
  })

  it('stores a document of 12 MB', async () => {
    const c = await collection()
    await c.insertOne({ _id: 'big', text: 'y'.repeat(12e6) })
    expect((await c.findOne({ _id: 'big' }))?.text).toHaveLength(12e6)
  })

  it('stores 5,000 documents of one insertMany', async () => {
    const c = await collection(numbers(5000).map((i) => ({ _id: i, text: 'x'.repeat(300) })))
    expect(await c.countDocuments()).toBe(5000)
  })

  it('goes on past duplicates when unordered, naming each', async () => {
    const c = await collection()
    const many = c.insertMany([{ _id: 1 }, { _id: 1 }, { _id: 2 }, { _id: 2 }, { _id: 3 }], { ordered: false })
    const error = await failure(many, 11000)
    expect(error).toMatchObject({ insertedCount: 3, writeErrors: [{ index: 1 }, { index: 3 }] })
    expect(await c.countDocuments()).toBe(3)
  })

  it('stops at the first duplicate when ordered', async () => {
    const c = await collection()
    const error = await failure(c.insertMany([{ _id: 1 }, { _id: 1 }, { _id: 2 }]), 11000)
    expect(error).toMatchObject({ insertedCount: 1 })
    expect(await c.countDocuments()).toBe(1)
  })

  it('stores an unacknowledged write', async () => {
    const c = await collection([{ _id: 1 }])
    await c.insertOne({ _id: 2 }, { writeConcern: { w: 0 } })
    await expect.poll(() => c.countDocuments(), { timeout: 5000 }).toBe(2)
  })
})

describe('updating', () => {
  it('tells how many it matched and how many it changed', async () => {
    const c = await collection([
      { _id: 1, a: 1 },
      { _id: 2, a: 1 },
    ])
    expect(await c.updateOne({ a: 1 }, { $set: { b: 1 } })).toMatchObject({ matchedCount: 1, modifiedCount: 1 })
    expect(await c.updateMany({}, { $set: { b: 1 } })).toMatchObject({ matchedCount: 2, modifiedCount: 1 })
  })

  it('tells the id of an upserted document, made of the filter, $set and $setOnInsert', async () => {
    const c = await collection()
    const { upsertedId, upsertedCount } = await c.updateOne({ k: 5 }, { $set: { b: 1 }, $setOnInsert: { z: 9 } }, { upsert: true })
    expect(upsertedCount).toBe(1)
    expect(await c.findOne({ _id: upsertedId ?? 'none' })).toEqual({ _id: upsertedId, k: 5, b: 1, z: 9 })
  })

  it('replaces a document', async () => {
    const c = await collection([{ _id: 1, a: 1, b: 2 }])
    await c.replaceOne({ _id: 1 }, { c: 3 })
    expect(await c.findOne({ _id: 1 })).toEqual({ _id: 1, c: 3 })
  })
})

describe('finding and changing at once', () => {
  it('gives the document before or after, in the order asked for', async () => {
    const c = await collection([
      { _id: 1, a: 1 },
      { _id: 2, a: 1 },
    ])
    const before = await c.findOneAndUpdate({ a: 1 }, { $inc: { a: 5 } }, { sort: { _id: -1 }, returnDocument: 'before' })
    expect(before).toEqual({ _id: 2, a: 1 })
    const after = await c.findOneAndUpdate({ _id: 2 }, { $inc: { a: 1 } }, { returnDocument: 'after' })
    expect(after).toEqual({ _id: 2, a: 7 })
  })

  it('upserts, giving the new document after and nothing before', async () => {
    const c = await collection()
    const after = await c.findOneAndUpdate({ _id: 9 }, { $inc: { a: 5 } }, { upsert: true, returnDocument: 'after' })
    expect(after).toEqual({ _id: 9, a: 5 })
    expect(await c.findOneAndUpdate({ _id: 10 }, { $inc: { a: 5 } }, { upsert: true, returnDocument: 'before' })).toBeNull()
  })

  it('changes the array element that the filter matched, and projects', async () => {
    const c = await collection([{ _id: 1, m: [{ u: 1, n: 0 }], z: 1 }])
    const options = { returnDocument: 'after', projection: { m: 1 } } as const
    expect(await c.findOneAndUpdate({ _id: 1, 'm.u': 1 }, { $set: { 'm.$.n': 2 } }, options)).toEqual({ _id: 1, m: [{ u: 1, n: 2 }] })
  })

  it('takes a pipeline', async () => {
    const c = await collection([{ _id: 1, z: 1 }])
    const after = await c.findOneAndUpdate({ _id: 1 }, [{ $set: { z: { $add: ['$z', 1] } } }], { returnDocument: 'after' })
    expect(after).toEqual({ _id: 1, z: 2 })
  })

  it('gives null where nothing matches', async () => {
    const c = await collection([{ _id: 1 }])
    expect(await c.findOneAndUpdate({ _id: 404 }, { $set: { a: 1 } })).toBeNull()
  })

  it('deletes and replaces', async () => {
    const c = await collection([
      { _id: 1, a: 1 },
      { _id: 2, a: 2 },
    ])
    expect(await c.findOneAndDelete({ a: 2 })).toEqual({ _id: 2, a: 2 })
    expect(await c.findOneAndReplace({ _id: 1 }, { b: 1 }, { returnDocument: 'after' })).toEqual({ _id: 1, b: 1 })
  })
})

describe('deleting', () => {
  it('deletes one or all that match', async () => {
    const c = await collection([{ a: 1 }, { a: 1 }, { a: 2 }])
    expect(await c.deleteOne({ a: 1 })).toMatchObject({ deletedCount: 1 })
    expect(await c.deleteMany({})).toMatchObject({ deletedCount: 2 })
  })
})

describe('bulk writes', () => {
  it('does all kinds in order', async () => {
    const c = await collection([{ _id: 1 }])
    const result = await c.bulkWrite([
      { insertOne: { document: { _id: 2 } } },
      { updateOne: { filter: { _id: 1 }, update: { $set: { a: 1 } } } },
      { updateOne: { filter: { _id: 3 }, update: { $set: { a: 1 } }, upsert: true } },
      { deleteOne: { filter: { _id: 2 } } },
      { replaceOne: { filter: { _id: 3 }, replacement: { b: 1 } } },
    ])
    expect(result).toMatchObject({ insertedCount: 1, modifiedCount: 2, upsertedCount: 1, deletedCount: 1 })
    expect(await c.find().sort({ _id: 1 }).toArray()).toEqual([
      { _id: 1, a: 1 },
      { _id: 3, b: 1 },
    ])
  })

  it('goes on past a duplicate when unordered', async () => {
    const c = await collection([{ _id: 1 }])
    const writes = c.bulkWrite(
      [
        { insertOne: { document: { _id: 1 } } },
        { insertOne: { document: { _id: 2 } } },
        { updateOne: { filter: { _id: 2 }, update: { $set: { a: 1 } } } },
      ],
      { ordered: false },
    )
    expect(await failure(writes, 11000)).toMatchObject({ result: { insertedCount: 1 } })
    expect(await c.findOne({ _id: 2 })).toEqual({ _id: 2, a: 1 })
  })

  it('tells the place of each upsert among the updates', async () => {
    const c = await collection([{ _id: 1 }])
    const result = await c.bulkWrite(
      numbers(3).map((i) => ({ updateOne: { filter: { _id: i }, update: { $set: { a: 1 } }, upsert: true } })),
    )
    expect(result.upsertedIds).toEqual({ 0: 0, 2: 2 })
  })
})
