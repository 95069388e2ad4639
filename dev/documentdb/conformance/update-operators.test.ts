import { expect, it } from 'vitest'
import { useDatabase } from './support/database.js'

const { db, collection } = useDatabase()

interface Lists {
  _id: number
  a?: number[]
  b?: number
  o?: { x: number }[]
  p?: number[]
}

const aDocument = async (document: Lists) => {
  const { collectionName } = await collection([{ ...document }])
  return db.collection<Lists>(collectionName)
}

it('$inc, $mul, $min, $max, $unset, $rename, $currentDate', async () => {
  const c = await collection([{ _id: 1, i: 1, m: 2, low: 5, high: 5, gone: 1, old: 1 }])
  await c.updateOne(
    { _id: 1 },
    {
      $inc: { i: 2, n: 1 },
      $mul: { m: 3 },
      $min: { low: 3 },
      $max: { high: 9 },
      $unset: { gone: '' },
      $rename: { old: 'new' },
      $currentDate: { at: true },
    },
  )
  expect(await c.findOne()).toEqual({ _id: 1, i: 3, m: 6, low: 3, high: 9, n: 1, new: 1, at: expect.any(Date) })
})

it('$push with $each, $sort and $slice', async () => {
  const c = await aDocument({ _id: 1, a: [3, 1] })
  await c.updateOne({ _id: 1 }, { $push: { a: { $each: [2, 9], $sort: 1, $slice: -3 } } })
  expect((await c.findOne())?.a).toEqual([2, 3, 9])
})

it('$push at a $position', async () => {
  const c = await aDocument({ _id: 1, a: [2, 3] })
  await c.updateOne({ _id: 1 }, { $push: { a: { $each: [0], $position: 0 } } })
  expect((await c.findOne())?.a).toEqual([0, 2, 3])
})

it('$addToSet, $pull by condition, $pop, $bit', async () => {
  const c = await aDocument({ _id: 1, a: [1, 2], o: [{ x: 1 }, { x: 2 }], b: 5, p: [1, 2, 3] })
  await c.updateOne(
    { _id: 1 },
    { $addToSet: { a: { $each: [2, 3] } }, $pull: { o: { x: { $gte: 2 } } }, $bit: { b: { and: 4 } }, $pop: { p: 1 } },
  )
  expect(await c.findOne()).toEqual({ _id: 1, a: [1, 2, 3], o: [{ x: 1 }], b: 4, p: [1, 2] })
})

it('$pullAll', async () => {
  const c = await aDocument({ _id: 1, a: [1, 2, 1] })
  await c.updateOne({ _id: 1 }, { $pullAll: { a: [1] } })
  expect((await c.findOne())?.a).toEqual([2])
})

it('a pipeline, with $$NOW and $cond', async () => {
  const c = await collection([{ _id: 1, a: 2, b: 3 }])
  const size = { $cond: [{ $gt: ['$a', 1] }, 'large', 'small'] }
  await c.updateOne({ _id: 1 }, [{ $set: { sum: { $add: ['$a', '$b'] }, at: '$$NOW', size } }, { $unset: 'b' }])
  expect(await c.findOne()).toEqual({ _id: 1, a: 2, sum: 5, at: expect.any(Date), size: 'large' })
})

it('array filters', async () => {
  const c = await collection([
    {
      _id: 1,
      m: [
        { u: 'a', n: 1 },
        { u: 'b', n: 1 },
      ],
    },
  ])
  await c.updateOne({ _id: 1 }, { $inc: { 'm.$[x].n': 5 } }, { arrayFilters: [{ 'x.u': 'b' }] })
  expect((await c.findOne())?.m).toEqual([
    { u: 'a', n: 1 },
    { u: 'b', n: 6 },
  ])
})

it('the matched element ($) and all elements ($[])', async () => {
  const c = await collection([
    {
      _id: 1,
      m: [
        { u: 'a', n: 1 },
        { u: 'b', n: 1 },
      ],
    },
  ])
  await c.updateOne({ _id: 1, 'm.u': 'b' }, { $set: { 'm.$.n': 7 } })
  await c.updateOne({ _id: 1 }, { $inc: { 'm.$[].n': 1 } })
  expect((await c.findOne())?.m).toEqual([
    { u: 'a', n: 2 },
    { u: 'b', n: 8 },
  ])
})
