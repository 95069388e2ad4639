import { Types } from 'mongoose'
import type { Response } from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UploadDocument, UploadUsageDocument } from '../src/features/uploads/index.js'
import { originalKey, pendingKey } from '../src/features/uploads/keys.js'
import { aNeighbour, anApp, at } from './support/listening.js'
import { aPerson } from './support/people.js'
import { aBucket, type Bucket } from './support/s3.js'
import type { TestApp } from './support/test-app.js'
import { announcing, anUpload, aPending, put, someBytes } from './support/uploads.js'

const byHand = { uploads: { everyMs: 3_600_000 }, forgetAfterMs: 0 }
let bucket: Bucket
beforeAll(async () => {
  bucket = await aBucket()
})
afterAll(() => bucket.remove())

const aServer = (variables: Record<string, string> = {}) => anApp({ ...bucket.environment, ...variables }, byHand)
const uploads = (app: TestApp) => app.context.mongo.connection.collection<UploadDocument>('uploads')
const usage = (app: TestApp) => app.context.mongo.connection.collection<UploadUsageDocument>('upload_usage')
const withId = (id: string) => ({ _id: new Types.ObjectId(id) })
const due = (app: TestApp, id: string) => uploads(app).updateOne(withId(id), { $set: { sweepAt: new Date(0) } })
const bytesOf = async (app: TestApp, userId: string) => (await usage(app).findOne(withId(userId)))?.bytes
const head = (app: TestApp, key: string) => app.context.storage.head(key)
const mb = 1024 * 1024

/** Of a megabyte each, half of them at another worker. */
const fiftyAtOnce = async (limits: Record<string, string>) => {
  const app = await aServer(limits)
  const other = await aNeighbour(app, { ...bucket.environment, ...limits }, byHand)
  const ann = await aPerson(app)
  const bytes = someBytes(mb)
  const asking = Array.from({ length: 50 }, (_, n) => (n % 2 ? ann : at(other, ann)).post('/uploads', announcing(bytes)))
  return [app, ann, await Promise.all(asking)] as const
}
const refusalsOf = (answers: readonly Response[]) => [
  ...new Set(answers.filter(({ status }) => status !== 201).map(({ status, body }) => `${status} ${body.code}`)),
]

describe('quotas', () => {
  it('are not passed by fifty requests at once, at two workers', async () => {
    const limits = { UPLOAD_QUOTA: '10MB', UPLOAD_DAILY: '1GB' }
    const [app, ann, answers] = await fiftyAtOnce(limits)
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(10)
    expect(refusalsOf(answers)).toEqual(['403 quota_exceeded'])
    expect(await bytesOf(app, ann.id)).toBe(10 * mb)
    expect((await usage(app).findOne(withId(ann.id)))?.open ?? []).toEqual([])
    expect(await uploads(app).countDocuments()).toBe(10)
    await (await aPerson(app)).post('/uploads', announcing(someBytes(mb))).expect(201)
  })

  it('of a day are not passed either, tell when the next day begins, and end with it', async () => {
    const limits = { UPLOAD_DAILY: '7MB' }
    const [app, ann, answers] = await fiftyAtOnce(limits)
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(7)
    expect(refusalsOf(answers)).toEqual(['429 rate_limited'])
    expect(await uploads(app).countDocuments()).toBe(7)
    const refused = answers.find(({ status }) => status === 429)
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(0)
    expect(Number(refused?.headers['retry-after'])).toBeLessThanOrEqual(86_400)
    const first = answers.find(({ status }) => status === 201)
    await ann.delete(`/uploads/${first?.body.id}`).expect(204)
    await app.context.uploadSweeper.sweep(10)
    await ann.post('/uploads', announcing(someBytes(mb))).expect(429) // what was begun in a day stays begun
    await usage(app).updateOne(withId(ann.id), { $set: { day: '2020-01-01' } })
    await ann.post('/uploads', announcing(someBytes(mb))).expect(201)
  })

  it('are 5 GB and a GB a day where nothing else is said, and are filled to the last byte', async () => {
    const app = await aServer()
    const [ann, bob] = [await aPerson(app), await aPerson(app)]
    const gb = 1024 * mb
    const today = new Date().toISOString().slice(0, 10)
    await usage(app).insertMany([
      { ...withId(ann.id), bytes: 5 * gb - 1000, day: '2020-01-01', dayBytes: 0 },
      { ...withId(bob.id), bytes: 0, day: today, dayBytes: gb - 1000 },
    ])
    for (const [person, code] of [
      [ann, 403],
      [bob, 429],
    ] as const) {
      await person.post('/uploads', announcing(someBytes(1001))).expect(code)
      await person.post('/uploads', announcing(someBytes(1000))).expect(201)
      await person.post('/uploads', announcing(someBytes(1))).expect(code)
    }
  })

  it('have room again for what was removed, once', async () => {
    const app = await aServer({ UPLOAD_QUOTA: '2MB' })
    const ann = await aPerson(app)
    const { id } = await anUpload(ann, {}, someBytes(2 * mb))
    await ann.post('/uploads', announcing(someBytes())).expect(403)
    await ann.delete(`/uploads/${id}`).expect(204)
    await app.context.uploadSweeper.sweep(10)
    await due(app, id)
    await app.context.uploadSweeper.sweep(10)
    expect(await bytesOf(app, ann.id)).toBe(0)
    await ann.post('/uploads', announcing(someBytes())).expect(201)
  })

  it('take back what was reserved by a worker that died before it stored the upload, and nothing else', async () => {
    const app = await aServer()
    const ann = await aPerson(app)
    const { body } = await ann.post('/uploads', announcing(someBytes(500))).expect(201)
    const at = new Date(Date.now() - 3_600_000)
    const open = [
      { uploadId: new Types.ObjectId(), size: 1000, at },
      { uploadId: new Types.ObjectId(String(body.id)), size: 500, at },
      { uploadId: new Types.ObjectId(), size: 1, at: new Date() },
    ]
    await usage(app).updateOne(withId(ann.id), { $inc: { bytes: 1001 }, $set: { open } })
    await app.context.uploadSweeper.takeBack(10)
    await app.context.uploadSweeper.takeBack(10)
    expect(await bytesOf(app, ann.id)).toBe(501)
    expect((await usage(app).findOne(withId(ann.id)))?.open).toHaveLength(1)
  })
})

describe('the sweeper', () => {
  it('removes what was not completed within the hour, and not what is being checked', async () => {
    const app = await aServer()
    const ann = await aPerson(app)
    const [left, fresh, checked] = [await aPending(ann), await aPending(ann), await aPending(ann)]
    const claim = { attempt: new Types.ObjectId(), until: new Date(Date.now() + 60_000) }
    await uploads(app).updateOne(withId(checked.id), { $set: { claim } })
    const { createdAt, sweepAt } = (await uploads(app).findOne(withId(left.id))) ?? {}
    expect((sweepAt?.getTime() ?? 0) - (createdAt?.getTime() ?? 0)).toBe(3_600_000)
    await due(app, left.id)
    await due(app, checked.id)
    await app.context.uploadSweeper.sweep(10)
    expect(await uploads(app).findOne(withId(left.id))).toBeNull()
    expect(await head(app, pendingKey(withId(left.id)))).toBeUndefined()
    for (const { id } of [fresh, checked]) expect(await head(app, pendingKey(withId(id)))).toBeDefined()
  })

  it('removes what was never attached within a day', async () => {
    const app = await aServer()
    const ann = await aPerson(app)
    const { id } = await anUpload(ann)
    const upload = await uploads(app).findOne(withId(id))
    expect((upload?.sweepAt.getTime() ?? 0) - (upload?.readyAt?.getTime() ?? 0)).toBe(24 * 3_600_000)
    await due(app, id)
    await app.context.uploadSweeper.sweep(10)
    if (!upload?.servedFrom) throw new Error('It was ready')
    expect(await head(app, originalKey(upload.servedFrom))).toBeUndefined()
    expect(await bytesOf(app, ann.id)).toBe(0)
    await ann.get(`/uploads/${id}`).expect(404)
  })

  it('goes on where a worker died that had removed half of it', async () => {
    const app = await aServer()
    const ann = await aPerson(app)
    const { id } = await anUpload(ann)
    const upload = await uploads(app).findOne(withId(id))
    if (!upload?.servedFrom) throw new Error('It was ready')
    await app.context.storage.remove([originalKey(upload.servedFrom)])
    await uploads(app).updateOne(withId(id), { $set: { status: 'removed', sweepAt: new Date(0) } })
    await app.context.uploadSweeper.sweep(10)
    await isGone(app, id)
    expect(await bytesOf(app, ann.id)).toBe(0)
  })

  it('ends the multiparts of what was aborted', async () => {
    const app = await aServer({ MAX_FILE_SIZE: '200MB' })
    const ann = await aPerson(app)
    const { body } = await ann.post('/uploads', announcing(someBytes(10), { size: 150 * mb })).expect(201)
    const [first] = body.multipart.parts
    expect((await put(first, someBytes(body.multipart.partSize))).status).toBe(200)
    await ann.delete(`/uploads/${body.id}`).expect(204)
    await app.context.uploadSweeper.sweep(10)
    const open: string[] = []
    for await (const { key } of app.context.storage.multiparts()) open.push(key)
    expect(open).not.toContain(pendingKey(withId(body.id)))
  })

  it('removes what was PUT for no upload that is pending, ends multiparts that nobody knows, and leaves the others', async () => {
    const app = await aServer({ MAX_FILE_SIZE: '200MB' })
    const { storage } = app.context
    const ann = await aPerson(app)
    const pending = await aPending(ann)
    const { body: large } = await ann.post('/uploads', announcing(someBytes(10), { size: 150 * mb })).expect(201)
    const done = await anUpload(ann)
    const nobodys = pendingKey({ _id: new Types.ObjectId() })
    const contentType = 'text/plain'
    const strays = [pendingKey(withId(done.id)), nobodys]
    for (const key of strays) await storage.write(key, Buffer.from('late'), { size: 4, contentType })
    await storage.beginMultipart({ key: nobodys, contentType })
    const goOn = () => Promise.resolve(true)
    await app.context.uploadSweeper.removeStrays(goOn) // they are too new
    for (const key of strays) expect(await head(app, key)).toBeDefined()
    await app.context.uploadSweeper.removeStrays(goOn, new Date(Date.now() + 60_000))
    for (const key of strays) expect(await head(app, key)).toBeUndefined()
    expect(await head(app, pendingKey(withId(pending.id)))).toBeDefined()
    const open: string[] = []
    for await (const { key } of storage.multiparts()) open.push(key)
    expect(open).toContain(pendingKey(withId(large.id)))
    expect(open).not.toContain(nobodys)
  })

  it('is one worker at a time', async () => {
    const app = await aServer()
    const other = await aNeighbour(app, bucket.environment, byHand)
    const ann = await aPerson(app)
    const { id } = await aPending(ann)
    await app.context.sweepingUploads.run()
    await due(app, id)
    expect(await other.context.sweepingUploads.run()).toBe(0)
    expect(await uploads(app).countDocuments(withId(id))).toBe(1)
    expect(await app.context.sweepingUploads.run()).toBe(1)
    expect(await uploads(app).countDocuments(withId(id))).toBe(0)
  })
})

/** What it had to tell is told, and forgotten, first. */
const isGone = (app: TestApp, id: string) =>
  expect
    .poll(async () => {
      await due(app, id)
      await app.context.uploadSweeper.sweep(10)
      return uploads(app).countDocuments(withId(id))
    })
    .toBe(0)
