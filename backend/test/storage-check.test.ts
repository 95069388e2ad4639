import { Types } from 'mongoose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import type { UploadDocument } from '../src/features/uploads/index.js'
import { originalKey, pendingKey, thumbnailKey } from '../src/features/uploads/keys.js'
import { anApp, aStream, deadline } from './support/listening.js'
import { aDirectConversation, aPerson, type Person } from './support/people.js'
import { aBucket, type Bucket } from './support/s3.js'
import { dataOf } from './support/streams.js'
import type { TestApp } from './support/test-app.js'
import { announcing, anUpload, aPending, aPicture, put, someBytes } from './support/uploads.js'

const mb = 1024 * 1024
const look = { repair: false, force: false }
const repair = { repair: true, force: false }
const inTwoHours = () => new Date(Date.now() + 2 * 3_600_000)
const contentType = 'application/octet-stream'
const anObject = (app: TestApp, key: string) => app.context.storage.write(key, Buffer.from('x'), { size: 1, contentType })
const rows = (app: TestApp) => app.context.mongo.connection.collection<UploadDocument>('uploads')
const aPictureOf = (person: Person) => anUpload(person, { contentType: 'image/png', fileName: 'hill.png' }, aPicture())

const check = async (app: TestApp, wish = look, now?: Date) => {
  const found: { what: string; repaired: boolean }[] = []
  for await (const { repaired, ...each } of app.context.storageCheck.check(wish, now)) {
    found.push({ what: each.kind === 'row' ? `row ${each.id}` : `${each.kind} ${each.key}`, repaired })
  }
  return found
}
const namesOf = async (...how: Parameters<typeof check>) => (await check(...how)).map(({ what }) => what).toSorted()
const filesOf = async (app: TestApp, id: string) => {
  const attempt = (await rows(app).findOne({ _id: new Types.ObjectId(id) }))?.servedFrom
  if (!attempt) throw new Error('It is ready')
  return { original: originalKey(attempt), thumbnail: thumbnailKey(attempt) }
}

describe.each(['a folder', 'S3'])('comparing uploads with what %s holds', (where) => {
  let bucket: Bucket | undefined
  let app: TestApp
  beforeAll(async () => {
    bucket = where === 'S3' ? await aBucket() : undefined
  })
  afterAll(() => bucket?.remove())
  beforeEach(async () => {
    app = await anApp(
      { ...bucket?.environment, MAX_FILE_SIZE: '200MB', PORT: String(await freePort()) },
      { uploads: { everyMs: 3_600_000 } },
    )
    if (!bucket) return // a folder is each app's own
    const all: string[] = []
    for await (const { key } of app.context.storage.list('')) all.push(key)
    await app.context.storage.remove(all)
    for await (const multipart of app.context.storage.multiparts()) await app.context.storage.abortMultipart(multipart)
  })

  it('finds nothing wrong with uploads as they come and go', async () => {
    const ann = await aPerson(app)
    await aPictureOf(ann)
    await aPending(ann)
    await ann.post('/uploads', announcing(someBytes())).expect(201)
    const { body: large } = await ann.post('/uploads', announcing(someBytes(10), { size: 150 * mb })).expect(201)
    expect((await put(large.multipart.parts[0], someBytes(large.multipart.partSize))).status).toBe(200)
    const lying = await aPending(ann, someBytes(), { contentType: 'image/png' })
    await ann.post(`/uploads/${lying.id}/complete`, {}).expect(422)
    const removed = await anUpload(ann)
    await ann.delete(`/uploads/${removed.id}`).expect(204)
    expect(await check(app, look, inTwoHours())).toEqual([])
    await app.context.uploadSweeper.sweep(100)
    expect(await check(app, look, inTwoHours())).toEqual([])
  })

  it('finds files without an upload, and uploads without a file, and repairs both if asked', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const stream = await aStream(ann, app)
    const [whole, lost, half] = [await anUpload(ann), await anUpload(ann), await aPictureOf(ann)]
    await ann.send(conversation.id, { attachments: [whole.id, lost.id, half.id] }).expect(201)
    const [ofLost, ofHalf] = [await filesOf(app, lost.id), await filesOf(app, half.id)]
    await app.context.storage.remove([ofLost.original, ofHalf.thumbnail])
    const [attempt, pending] = [new Types.ObjectId(), pendingKey({ _id: new Types.ObjectId() })]
    const strays = [originalKey(attempt), thumbnailKey(attempt), pending]
    for (const key of strays) await anObject(app, key)
    const multipart = pendingKey({ _id: new Types.ObjectId() })
    await app.context.storage.beginMultipart({ key: multipart, contentType })

    const all = [...strays.map((key) => `object ${key}`), `multipart ${multipart}`, `row ${lost.id}`, `row ${half.id}`].toSorted()
    expect(await namesOf(app, look, inTwoHours())).toEqual(all)
    for (const key of strays) expect(await app.context.storage.head(key)).toBeDefined()
    const repaired = await check(app, repair, inTwoHours())
    expect(repaired.map(({ what }) => what).toSorted()).toEqual(all)
    expect(repaired.filter((each) => !each.repaired)).toEqual([])
    for (const key of strays) expect(await app.context.storage.head(key)).toBeUndefined()
    expect(await check(app, look, inTwoHours())).toEqual([])

    expect((await ann.get(`/uploads/${lost.id}`).expect(200)).body).toMatchObject({ status: 'refused', refusal: expect.any(String) })
    await bob.get(`/uploads/${lost.id}/content`).expect(404)
    await ann.send(conversation.id, { attachments: [lost.id] }).expect(400)
    await bob.get(`/uploads/${whole.id}/content`).expect(302)
    await bob.get(`/uploads/${half.id}/content`).expect(302)
    await bob.get(`/uploads/${half.id}/content?size=thumbnail`).expect(404)
    const lastTold = (id: string) => dataOf(stream, 'upload.updated').findLast(({ upload }) => Object(upload).id === id)
    await expect.poll(() => lastTold(lost.id), deadline).toMatchObject({ upload: { status: 'refused' } })
    const thumbnails = () => Object(lastTold(half.id)?.upload).thumbnails ?? 'none'
    await expect.poll(thumbnails, deadline).toBe('none')
  })

  it('lets be what is younger than an hour', async () => {
    const ann = await aPerson(app)
    const { id } = await anUpload(ann)
    await app.context.storage.remove([(await filesOf(app, id)).original])
    await anObject(app, originalKey(new Types.ObjectId()))
    await app.context.storage.beginMultipart({ key: pendingKey({ _id: new Types.ObjectId() }), contentType })
    expect(await check(app, repair)).toEqual([])
    expect(await check(app, repair, inTwoHours())).toHaveLength(3)
  })

  it('repairs nothing where most of it differs, as in the storage of another database, but if that is forced', async () => {
    const ann = await aPerson(app)
    await anUpload(ann)
    const keys = Array.from({ length: 21 }, () => originalKey(new Types.ObjectId()))
    for (const key of keys) await anObject(app, key)
    await expect(check(app, repair, inTwoHours())).rejects.toMatchObject({ code: 'conflict' })
    expect(await namesOf(app, look, inTwoHours())).toHaveLength(21)
    expect((await check(app, { repair: true, force: true }, inTwoHours())).every(({ repaired }) => repaired)).toBe(true)
    expect(await check(app, look, inTwoHours())).toEqual([])
  })

  it('repairs nothing where most of the uploads have lost their files, as with an empty folder', async () => {
    const ann = await aPerson(app)
    const { id } = await anUpload(ann)
    await app.context.storage.remove([(await filesOf(app, id)).original])
    const { _id: _, ...row } = (await rows(app).findOne({ _id: new Types.ObjectId(id) })) ?? {}
    await rows(app).insertMany(
      Array.from({ length: 520 }, () => {
        const attempt = new Types.ObjectId()
        return { ...row, _id: new Types.ObjectId(), attempts: [attempt], servedFrom: attempt } as UploadDocument
      }),
    )
    const found = await namesOf(app, look, inTwoHours())
    expect([found.length, new Set(found).size]).toEqual([521, 521])
    await expect(check(app, repair, inTwoHours())).rejects.toThrow('--force')
    expect(await rows(app).countDocuments({ status: 'ready' })).toBe(521)
  }, 60_000)
})
