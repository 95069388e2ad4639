import { type Filter, ObjectId } from 'mongodb'
import { beforeAll, describe, expect, it } from 'vitest'
import { ids, onDocumentDb, type Stored, useDatabase } from './support/database.js'

const { collection } = useDatabase()

describe('operators', () => {
  let find: (filter: Filter<Stored>) => Promise<unknown[]>
  beforeAll(async () => {
    const c = await collection([
      { _id: 1, a: [1, 2], o: [{ x: 1, y: 2 }], n: 5 },
      { _id: 2, a: [3], o: [{ x: 1, y: 3 }], n: 6, m: 6 },
      { _id: 3 },
    ])
    find = async (filter) => ids(await c.find(filter).sort({ _id: 1 }).toArray())
  })

  const cases: [string, Filter<Stored>, number[]][] = [
    ['$in', { a: { $in: [2, 3] } }, [1, 2]],
    ['$nin', { a: { $nin: [2] } }, [2, 3]],
    ['$exists', { n: { $exists: false } }, [3]],
    ['$type', { n: { $type: 'int' } }, [1, 2]],
    ['$elemMatch', { o: { $elemMatch: { x: 1, y: { $gt: 2 } } } }, [2]],
    ['$all', { a: { $all: [1, 2] } }, [1]],
    ['$size', { a: { $size: 1 } }, [2]],
    ['$not', { n: { $not: { $gt: 5 } } }, [1, 3]],
    ['$nor', { $nor: [{ n: 5 }, { n: 6 }] }, [3]],
    ['$expr', { $expr: { $eq: ['$n', '$m'] } }, [2, 3]],
    ['$mod', { n: { $mod: [3, 0] } }, [2]],
    ['a path into an array', { 'o.y': 3 }, [2]],
    ['null for what is missing', { m: null }, [1, 3]],
  ]
  it.each(cases)('%s', async (_name, filter, expected) => {
    expect(await find(filter)).toEqual(expected)
  })
})

it('finds by date and by ObjectId', async () => {
  const id = new ObjectId()
  const c = await collection([
    { _id: 1, at: new Date(10), ref: id },
    { _id: 2, at: new Date(20) },
  ])
  expect(ids(await c.find({ at: { $gt: new Date(10) } }).toArray())).toEqual([2])
  expect(ids(await c.find({ ref: id }).toArray())).toEqual([1])
})

it('finds by regular expression, anchored, without case, with an escape', async () => {
  const c = await collection([
    { _id: 1, t: 'Hello' },
    { _id: 2, t: 'jello' },
    { _id: 3, t: 'a.b' },
    { _id: 4, t: 'axb' },
  ])
  const find = async (t: Filter<Stored>) => ids(await c.find({ t }).sort({ _id: 1 }).toArray())
  expect(await find(/^hel/i)).toEqual([1])
  expect(await find({ $regex: 'ELLO', $options: 'i' })).toEqual([1, 2])
  expect(await find({ $regex: 'a\\.b' })).toEqual([3])
})

it('sorts, skips, limits and projects', async () => {
  const c = await collection([1, 2, 3, 4].map((i) => ({ _id: i, v: -i, w: 1 })))
  const found = await c
    .find({ v: { $lt: -1 } }, { projection: { v: 1 } })
    .sort({ v: 1 })
    .skip(1)
    .limit(1)
    .toArray()
  expect(found).toEqual([{ _id: 3, v: -3 }])
})

it('counts, estimates and lists distinct values', async () => {
  const c = await collection([{ a: 1 }, { a: 2 }, { a: [2, 3] }])
  expect(await c.countDocuments({ a: 2 })).toBe(2)
  expect(await c.countDocuments({}, { skip: 1, limit: 1 })).toBe(1)
  expect(await c.estimatedDocumentCount()).toBe(3)
  expect(new Set(await c.distinct('a'))).toEqual(new Set([1, 2, 3]))
})

it('reads with a read concern and a read preference', async () => {
  const c = await collection([{ _id: 1 }])
  const options = { readConcern: { level: 'majority' }, readPreference: 'secondaryPreferred' } as const
  expect(await c.find({}, options).toArray()).toEqual([{ _id: 1 }])
})

describe('projections', () => {
  const stored = { _id: 1, a: [1, 2, 3], o: [{ x: 1 }, { x: 2 }], z: 1 }
  const cases: [string, object, object][] = [
    ['$slice alone keeps the rest', { a: { $slice: -1 } }, { ...stored, a: [3] }],
    ['$slice with an inclusion', { a: { $slice: -1 }, z: 1 }, { _id: 1, a: [3], z: 1 }],
    ['$elemMatch is an inclusion', { o: { $elemMatch: { x: 2 } } }, { _id: 1, o: [{ x: 2 }] }],
    ['an expression', { n: { $size: '$a' }, _id: 0 }, { n: 3 }],
    ['an exclusion', { a: 0, o: 0 }, { _id: 1, z: 1 }],
  ]
  it.each(cases)('%s', async (_name, projection, expected) => {
    const c = await collection([stored])
    expect(await c.findOne({}, { projection })).toEqual(expected)
  })

  it('$slice together with $elemMatch is an inclusion (a gap of DocumentDB: it keeps the rest)', async () => {
    const c = await collection([stored])
    const found = await c.findOne({}, { projection: { a: { $slice: -1 }, o: { $elemMatch: { x: 2 } } } })
    const expected = { _id: 1, a: [3], o: [{ x: 2 }] }
    expect(found).toEqual(onDocumentDb() ? { ...expected, z: 1 } : expected)
  })
})
