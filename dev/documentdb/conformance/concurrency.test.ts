import { MongoBulkWriteError } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { ids, numbers, unordered, useDatabase } from './support/database.js'

const { db, name, collection } = useDatabase()

describe('a hundred writers of one document', () => {
  it('each see their own increment', async () => {
    const c = await collection([{ _id: 1, n: 0 }])
    const after = { returnDocument: 'after' } as const
    const seen = await Promise.all(numbers(100).map(() => c.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } }, after)))
    expect(new Set(seen.map((d) => d?.n)).size).toBe(100)
    expect(await c.findOne()).toMatchObject({ n: 100 })
  })

  it('each see their own increment when they find it by another key', async () => {
    const c = await collection([{ k: 'x', n: 0 }], [{ k: 1 }, { unique: true }])
    const after = { returnDocument: 'after' } as const
    const seen = await Promise.all(numbers(100).map(() => c.findOneAndUpdate({ k: 'x' }, { $inc: { n: 1 } }, after)))
    expect(new Set(seen.map((d) => d?.n)).size).toBe(100)
    expect(await c.findOne()).toMatchObject({ n: 100 })
  })

  it('claim it once', async () => {
    const c = await collection([{ _id: 1, owner: null }])
    const claims = await Promise.all(numbers(100).map((i) => c.updateOne({ _id: 1, owner: null }, { $set: { owner: i } })))
    expect(claims.filter((claim) => claim.modifiedCount === 1)).toHaveLength(1)
  })
})

it('hands out each item of a queue at most once', async () => {
  const c = await collection(
    numbers(10).map((i) => ({ _id: i, state: 'new' })),
    [{ state: 1, _id: 1 }],
  )
  const take = () => c.findOneAndUpdate({ state: 'new' }, { $set: { state: 'taken' } }, { sort: { _id: 1 } })
  const taken = (await Promise.all(numbers(100).map(take))).flatMap((item) => (item ? [item] : []))
  expect(taken.length).toBeGreaterThan(0)
  expect(new Set(ids(taken)).size).toBe(taken.length)
  expect(await c.countDocuments({ state: 'taken' })).toBe(taken.length)
})

describe('two hundred upserts of one key make one document and lose no increment', () => {
  it('by updateOne on a unique key', async () => {
    const c = await collection([], [{ k: 1 }, { unique: true }])
    await Promise.all(numbers(200).map(() => c.updateOne({ k: 'x' }, { $inc: { n: 1 } }, { upsert: true })))
    expect(await c.find().toArray()).toMatchObject([{ k: 'x', n: 200 }])
  })

  it('by findOneAndUpdate on a unique key', async () => {
    const c = await collection([], [{ k: 1 }, { unique: true }])
    await Promise.all(numbers(200).map(() => c.findOneAndUpdate({ k: 'x' }, { $inc: { n: 1 } }, { upsert: true })))
    expect(await c.find().toArray()).toMatchObject([{ k: 'x', n: 200 }])
  })

  it('by updateOne on _id', async () => {
    const c = await collection()
    await Promise.all(numbers(200).map(() => c.updateOne({ _id: 'x' }, { $inc: { n: 1 } }, { upsert: true })))
    expect(await c.find().toArray()).toEqual([{ _id: 'x', n: 200 }])
  })
})

it('takes first inserts into new collections from many at once', async () => {
  const names = numbers(5).map(name)
  await Promise.all(numbers(50).map((i) => db.collection(names[i % 5] ?? '').insertOne({ i })))
  const counts = await Promise.all(names.map((each) => db.collection(each).countDocuments()))
  expect(counts).toEqual([10, 10, 10, 10, 10])
})

describe('batches that race for the same unique keys', () => {
  it.each([true, false])('store exactly what they acknowledge (ordered: %s)', async (ordered) => {
    const c = await collection([], [{ k: 1 }, { unique: true }])
    const acknowledged = await Promise.all(
      numbers(16).map(async (writer) => {
        const step = writer % 2 ? 7 : 33 // every key once, in orders that cross
        const documents = numbers(40).map((i) => ({ _id: `${writer}-${i}`, k: (i * step + writer * 5) % 40 }))
        try {
          return ids(Object.values((await c.insertMany(documents, { ordered })).insertedIds).map((_id) => ({ _id })))
        } catch (error) {
          if (!(error instanceof MongoBulkWriteError)) throw error
          const failed = [error.writeErrors].flat().map((each) => each.index)
          const end = ordered ? Math.min(...failed) : documents.length
          const stored = documents.slice(0, end).filter((_, index) => !failed.includes(index))
          expect(error.insertedCount).toBe(stored.length)
          return ids(stored)
        }
      }),
    )
    const stored = ids(await c.find().toArray())
    expect(unordered(acknowledged.flat())).toEqual(unordered(stored))
    expect(stored.length).toBeGreaterThan(0)
  })
})
