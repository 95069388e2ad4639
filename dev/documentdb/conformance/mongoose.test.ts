import { randomBytes } from 'node:crypto'
import mongoose from 'mongoose'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import './support/provided-context.js'

let connection: mongoose.Connection
beforeAll(async () => {
  const dbName = `conformance_${randomBytes(6).toString('hex')}`
  connection = await mongoose.createConnection(inject('mongoUrl'), { dbName }).asPromise()
})
afterAll(async () => {
  await connection.dropDatabase()
  await connection.close()
})

describe('documents', () => {
  it('are validated, stamped and unique', async () => {
    const schema = new mongoose.Schema({ email: { type: String, unique: true, required: true } }, { timestamps: true })
    const User = connection.model('User', schema)
    await User.init()
    const user = await User.create({ email: 'a@x' })
    expect(user.createdAt).toBeInstanceOf(Date)
    await expect(User.create({})).rejects.toThrow(/required/)
    await expect(User.create({ email: 'a@x' })).rejects.toMatchObject({ code: 11000 })
  })

  it('are populated', async () => {
    const Author = connection.model('Author', new mongoose.Schema({ name: String }))
    const Post = connection.model('Post', new mongoose.Schema({ by: { type: mongoose.Schema.Types.ObjectId, ref: 'Author' } }))
    const author = await Author.create({ name: 'Ann' })
    const post = await Post.create({ by: author._id })
    const found = await Post.findById(post._id).populate<{ by: { name: string } }>('by').lean()
    expect(found?.by.name).toBe('Ann')
  })

  it('are not saved over a newer version', async () => {
    const schema = new mongoose.Schema({ tags: [String] }, { optimisticConcurrency: true })
    const Note = connection.model('Note', schema)
    const note = await Note.create({ tags: ['1', '2'] })
    const stale = await Note.findById(note._id).orFail()
    note.tags = ['3']
    await note.save()
    stale.tags.push('4')
    await expect(stale.save()).rejects.toThrow(mongoose.Error.VersionError)
  })

  it('are changed by findOneAndUpdate, which stamps them', async () => {
    const Entry = connection.model('Entry', new mongoose.Schema({ text: String }, { timestamps: true }))
    const entry = await Entry.create({ text: 'a' })
    const changed = await Entry.findOneAndUpdate({ _id: entry._id }, { $set: { text: 'b' } }, { returnDocument: 'after' }).orFail()
    expect(changed.text).toBe('b')
    expect(changed.updatedAt.getTime()).toBeGreaterThanOrEqual(entry.updatedAt.getTime())
  })
})

it('syncs indexes, and finds nothing to do the second time', async () => {
  const schema = new mongoose.Schema({ a: Number, b: String, c: Date, e: String, t: String }, { autoIndex: false })
  schema.index({ a: 1, c: -1 })
  schema.index({ b: 1 }, { unique: true, sparse: true })
  schema.index({ c: 1 }, { expireAfterSeconds: 60 })
  schema.index({ e: 1 }, { unique: true, partialFilterExpression: { e: { $exists: true } } })
  schema.index({ t: 'text' })
  const Indexed = connection.model('Indexed', schema)
  await Indexed.createCollection()
  await Indexed.syncIndexes()
  expect(await Indexed.diffIndexes()).toEqual({ toDrop: [], toCreate: [] })
  expect(await Indexed.syncIndexes()).toEqual([])
  expect(await Indexed.collection.indexes()).toHaveLength(6)
})

it('runs transactions: all or nothing', async () => {
  const Account = connection.model('Account', new mongoose.Schema({ n: Number }))
  await Account.createCollection()
  await connection.transaction(async (session) => void (await Account.create([{ n: 1 }, { n: 2 }], { session, ordered: true })))
  const failing = connection.transaction(async (session) => {
    await Account.create([{ n: 3 }], { session })
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  expect(new Set(await Account.distinct('n'))).toEqual(new Set([1, 2]))
})

it('saves many, iterates, asks for existence', async () => {
  const Item = connection.model('Item', new mongoose.Schema({ n: Number }))
  await Item.bulkSave([1, 2, 3].map((n) => new Item({ n })))
  await Item.insertMany([{ n: 4 }, { n: 'not a number' }], { ordered: false })
  let sum = 0
  for await (const item of Item.find().cursor({ batchSize: 2 })) sum += item.n ?? 0
  expect(sum).toBe(10)
  expect(await Item.exists({ n: 2 })).not.toBeNull()
  expect(await Item.exists({ n: 5 })).toBeNull()
})
