import { expect, it } from 'vitest'
import { numbers, useDatabase } from './support/database.js'
import { failure } from './support/failure.js'

const { db, collection } = useDatabase()

it('pages through a find', async () => {
  const c = await collection(numbers(1050).map((i) => ({ _id: i })))
  expect(await c.find({}, { batchSize: 100 }).toArray()).toHaveLength(1050)
})

it('pages through a sorted find in order', async () => {
  const c = await collection(numbers(1050).map((i) => ({ _id: i, r: (i * 7919) % 1050 })))
  const found = await c.find({}, { batchSize: 100 }).sort({ r: 1 }).toArray()
  expect(found.map((d) => d.r)).toEqual(numbers(1050))
})

it('pages through an aggregation', async () => {
  const c = await collection(numbers(300).map((i) => ({ r: i })))
  expect(await c.aggregate([{ $group: { _id: '$r' } }], { batchSize: 50 }).toArray()).toHaveLength(300)
})

it('keeps thirty sorted cursors open at once', async () => {
  const c = await collection(numbers(100).map((i) => ({ _id: i, r: -i })))
  const cursors = numbers(30).map(() => c.find({}, { batchSize: 10 }).sort({ r: 1 }))
  for (const cursor of cursors) expect(await cursor.next()).toMatchObject({ _id: 99 })
  for (const cursor of cursors) expect(await cursor.toArray()).toHaveLength(99)
})

it('knows a closed cursor no more (43)', async () => {
  const c = await collection(numbers(500).map((i) => ({ _id: i })))
  const cursor = c.find({}, { batchSize: 10 }).sort({ x: 1 })
  await cursor.next()
  const { id } = cursor
  await cursor.close()
  await failure(db.command({ getMore: id, collection: c.collectionName }), 43)
})
