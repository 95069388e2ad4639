import { describe, expect, it } from 'vitest'
import { ids, numbers, onDocumentDb, useDatabase } from './support/database.js'
import { failure } from './support/failure.js'

const { db, collection } = useDatabase()
const caseless = { locale: 'en', strength: 2 }

describe('a unique index', () => {
  it('leaves out documents without the field when sparse', async () => {
    const c = await collection([{ a: 1 }, {}, {}], [{ a: 1 }, { unique: true, sparse: true }])
    await failure(c.insertOne({ a: 1 }), 11000)
    await c.insertOne({ b: 1 })
  })

  it('holds only for what its partial filter matches', async () => {
    const c = await collection(
      [{ a: 1, live: true }, { a: 1, live: false }, { a: 1 }],
      [{ a: 1 }, { unique: true, partialFilterExpression: { live: true } }],
    )
    await failure(c.insertOne({ a: 1, live: true }), 11000)
    await c.insertOne({ a: 1, live: false })
  })

  it('can be partial by type', async () => {
    const c = await collection([{ k: 'a' }, {}, {}], [{ k: 1 }, { unique: true, partialFilterExpression: { k: { $type: 'string' } } }])
    await failure(c.insertOne({ k: 'a' }), 11000)
    await c.insertOne({})
  })

  it('can be compound', async () => {
    const c = await collection(
      [
        { a: 1, b: 1 },
        { a: 1, b: 2 },
      ],
      [{ a: 1, b: 1 }, { unique: true }],
    )
    await failure(c.insertOne({ a: 1, b: 2 }), 11000)
  })

  it('holds for every element of an array', async () => {
    const c = await collection([{ a: [1, 2] }], [{ a: 1 }, { unique: true }])
    await failure(c.insertOne({ a: [2, 3] }), 11000)
  })

  it('cannot be made over duplicates, and leaves nothing behind', async () => {
    const c = await collection([{ a: 1 }, { a: 1 }])
    await failure(c.createIndex({ a: 1 }, { unique: true }), 11000)
    expect(await c.indexes()).toHaveLength(1)
  })

  it('goes by a collation (a gap of DocumentDB: 115)', async () => {
    const c = await collection([{ n: 'Bob' }])
    const made = c.createIndex({ n: 1 }, { unique: true, collation: caseless })
    if (onDocumentDb()) return void (await failure(made, 115))
    await made
    await failure(c.insertOne({ n: 'BOB' }), 11000)
  })
})

describe('making and dropping indexes', () => {
  it('indexes what is there already', async () => {
    const c = await collection(numbers(20_000).map((i) => ({ i, g: i % 100 })))
    await c.createIndex({ g: 1, i: -1 })
    const found = await c.find({ g: 7 }).sort({ g: 1, i: -1 }).limit(2).hint('g_1_i_-1').toArray()
    expect(found.map((d) => d.i)).toEqual([19_907, 19_807])
  })

  it('makes the same index once, and refuses another one of its key (86) or another name (85)', async () => {
    const c = await collection([{ a: 1 }], [{ a: 1 }])
    await c.createIndex({ a: 1 })
    await failure(c.createIndex({ a: 1 }, { unique: true }), 86)
    await failure(c.createIndex({ a: 1 }, { name: 'other' }), 85)
    expect(await c.indexes()).toHaveLength(2)
  })

  it('makes many on several collections at once', async () => {
    const collections = await Promise.all(numbers(4).map(() => collection([{ a: 1 }])))
    const specifications = 'abcdefgh'.split('').map((field) => ({ key: { [field]: 1 } }))
    await Promise.all(collections.map((c) => c.createIndexes(specifications)))
    for (const c of collections) expect(await c.indexes()).toHaveLength(9)
  })

  it('drops one, then all but that of _id; a missing one is 27', async () => {
    const c = await collection([{ a: 1 }], [{ a: 1 }], [{ b: 1 }])
    await c.dropIndex('a_1')
    await failure(c.dropIndex('a_1'), 27)
    await c.dropIndexes()
    expect(await c.indexes()).toHaveLength(1)
  })

  it('says 26 for the indexes of a collection that is not there', async () => {
    await failure(db.collection('ghost').indexes(), 26)
  })

  it('changes the lifetime of a TTL index', async () => {
    const c = await collection([{ at: new Date() }], [{ at: 1 }, { expireAfterSeconds: 100 }])
    await db.command({ collMod: c.collectionName, index: { keyPattern: { at: 1 }, expireAfterSeconds: 200 } })
    expect((await c.indexes())[1]).toMatchObject({ expireAfterSeconds: 200 })
  })
})

describe('special indexes', () => {
  it('hashed and wildcard ones can be made', async () => {
    const c = await collection([{ a: 1 }], [{ a: 'hashed' }], [{ 'w.$**': 1 }])
    expect(await c.indexes()).toHaveLength(3)
  })

  it('finds what is near', async () => {
    const point = { type: 'Point', coordinates: [1, 2] }
    const c = await collection(
      [
        { _id: 1, place: point },
        { _id: 2, place: { type: 'Point', coordinates: [50, 2] } },
      ],
      [{ place: '2dsphere' }],
    )
    expect(ids(await c.find({ place: { $near: { $geometry: point, $maxDistance: 10 } } }).toArray())).toEqual([1])
  })

  it('finds words and phrases, with a score', async () => {
    const texts = ['hello brave world', 'goodbye', 'hello hello']
    const c = await collection(
      texts.map((text, i) => ({ _id: i, text })),
      [{ text: 'text' }],
    )
    const score = { score: { $meta: 'textScore' } } as const
    const found = await c
      .find({ $text: { $search: 'hello' } }, { projection: score })
      .sort({ score: { $meta: 'textScore' } })
      .toArray()
    expect(new Set(ids(found))).toEqual(new Set([0, 2]))
    expect(found.every((d) => d.score > 0)).toBe(true)
    expect(ids(await c.find({ $text: { $search: '"brave world"' } }).toArray())).toEqual([0])
  })

  it('compares and sorts by a collation', async () => {
    const c = await collection([{ n: 'Bob' }, { n: 'bob' }, { n: 'al' }], [{ n: 1 }, { collation: caseless }])
    expect(await c.find({ n: 'BOB' }).collation(caseless).toArray()).toHaveLength(2)
    const sorted = await c
      .find({ n: { $ne: 'bob' } })
      .collation({ locale: 'en' })
      .sort({ n: 1 })
      .toArray()
    expect(sorted.map((d) => d.n)).toEqual(['al', 'Bob'])
  })
})
