import { Long } from 'mongodb'
import { expect, it, onTestFinished } from 'vitest'
import { useDatabase } from './support/database.js'

// The driver's own numbers would get between those of these tests.
const { client, db, collection } = useDatabase({ retryWrites: false })

let latest = 0
/** Numbers only rise: a session may be one that another test has used. */
const nextNumber = (): Long => {
  latest += 1
  return Long.fromNumber(latest)
}

const aSession = () => {
  const session = client.startSession()
  onTestFinished(() => session.endSession())
  return session
}

it('applies an update that comes again once, and answers the same', async () => {
  const c = await collection([{ _id: 1, n: 0 }])
  const session = aSession()
  const command = { update: c.collectionName, updates: [{ q: { _id: 1 }, u: { $inc: { n: 1 } } }], txnNumber: nextNumber() }
  const first = await db.command({ ...command }, { session })
  const again = await db.command({ ...command }, { session })
  expect(first).toMatchObject({ n: 1, nModified: 1 })
  expect(again).toMatchObject({ n: 1, nModified: 1 })
  expect(await c.findOne()).toEqual({ _id: 1, n: 1 })
})

it('applies an insert that comes again once', async () => {
  const c = await collection()
  const session = aSession()
  const command = { insert: c.collectionName, documents: [{ n: 1 }], txnNumber: nextNumber() }
  expect(await db.command({ ...command }, { session })).toMatchObject({ n: 1 })
  expect(await db.command({ ...command }, { session })).toMatchObject({ n: 1 })
  expect(await c.countDocuments()).toBe(1)
})

it('gives a findAndModify that comes again its first document', async () => {
  const c = await collection([{ _id: 1, n: 0 }])
  const session = aSession()
  const command = {
    findAndModify: c.collectionName,
    query: { _id: 1 },
    update: { $inc: { n: 1 } },
    new: true,
    txnNumber: nextNumber(),
  }
  const answers = [await db.command({ ...command }, { session }), await db.command({ ...command }, { session })]
  expect(answers.map((answer) => answer.value)).toEqual([
    { _id: 1, n: 1 },
    { _id: 1, n: 1 },
  ])
  expect(await c.findOne()).toEqual({ _id: 1, n: 1 })
})

it('applies the next number of the session anew', async () => {
  const c = await collection([{ _id: 1, n: 0 }])
  const session = aSession()
  for (const _ of [1, 2, 3]) {
    const updates = [{ q: { _id: 1 }, u: { $inc: { n: 1 } } }]
    await db.command({ update: c.collectionName, updates, txnNumber: nextNumber() }, { session })
  }
  expect(await c.findOne()).toEqual({ _id: 1, n: 3 })
})
