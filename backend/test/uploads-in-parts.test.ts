import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { pendingKey } from '../src/features/uploads/keys.js'
import { aPerson, type Person } from './support/people.js'
import { aBucket, type Bucket } from './support/s3.js'
import { startTestApp, type TestApp } from './support/test-app.js'
import { announcing, contentOf, put, putParts, someBytes } from './support/uploads.js'

const mb = 1024 * 1024
let bucket: Bucket
let app: TestApp
let ann: Person
beforeAll(async () => {
  bucket = await aBucket()
  app = await startTestApp({ ...bucket.environment, MAX_FILE_SIZE: '200MB', UPLOAD_DAILY: '100GB' }, { uploads: { everyMs: 3_600_000 } })
  ann = await aPerson(app)
})
afterAll(async () => {
  await app.close()
  await bucket.remove()
})

const openMultiparts = async () => {
  const keys: string[] = []
  for await (const { key } of app.context.storage.multiparts()) keys.push(key)
  return keys
}

describe('an upload', () => {
  it('of 100 MB is PUT at once, and of a byte more in parts', async () => {
    const { body: once } = await ann.post('/uploads', announcing(someBytes(), { size: 100 * mb })).expect(201)
    expect([once.upload === undefined, once.multipart === undefined]).toEqual([false, true])
    const { body: large } = await ann.post('/uploads', announcing(someBytes(), { size: 100 * mb + 1 })).expect(201)
    expect([large.upload === undefined, large.multipart.parts.length]).toEqual([true, 7])
  })

  it('of 120 MB arrives whole, by parts in any order, and nothing is added to it later', async () => {
    const bytes = someBytes(120 * mb)
    const { body: begun } = await ann.post('/uploads', announcing(bytes)).expect(201)
    expect(begun.multipart.parts).toHaveLength(8)
    const { parts: fresh } = (await ann.post(`/uploads/${begun.id}/parts`, { numbers: [8] }).expect(200)).body
    const [first] = begun.multipart.parts
    expect((await put(first, someBytes(16 * mb + 1))).status).toBe(403) // a part has the size that was signed
    const parts = await putParts({ ...begun.multipart, parts: [...fresh, ...begun.multipart.parts.slice(0, 7).toReversed()] }, bytes)

    const complete = (given?: object) => ann.post(`/uploads/${begun.id}/complete`, given ? { parts: given } : {})
    await complete().expect(400)
    await complete(parts.slice(1)).expect(400)
    await complete([...parts, { number: 9, etag: 'x' }]).expect(400)
    await complete([...parts.slice(1), parts[1]]).expect(400)
    const swapped = parts.map(({ number }, n) => ({ number, etag: parts[(n + 1) % 8]?.etag }))
    expect((await complete(swapped).expect(400)).body.errors[0].path).toBe('body.parts')
    expect((await ann.get(`/uploads/${begun.id}`).expect(200)).body.status).toBe('pending')

    expect((await complete(parts).expect(200)).body).toMatchObject({ status: 'ready', size: bytes.length })
    expect((await complete(parts).expect(200)).body).toMatchObject({ status: 'ready' })
    expect((await put(first, bytes.slice(0, 16 * mb))).status).toBe(404)
    expect(Buffer.from(await contentOf(ann, begun.id)).equals(bytes)).toBe(true)
    await ann.post(`/uploads/${begun.id}/parts`, { numbers: [1] }).expect(409)
  }, 120_000)

  it('arrives whole in the folder too, where there is no S3', async () => {
    const port = String(await freePort())
    const local = await startTestApp({ PORT: port, API_URL: `http://127.0.0.1:${port}`, MAX_FILE_SIZE: '200MB' })
    const bob = await aPerson(local)
    const bytes = someBytes(101 * mb)
    const { body: begun } = await bob.post('/uploads', announcing(bytes)).expect(201)
    const parts = (await putParts(begun.multipart, bytes)).toReversed()
    await bob.post(`/uploads/${begun.id}/complete`, { parts: parts.slice(1) }).expect(400)
    await bob.post(`/uploads/${begun.id}/complete`, { parts }).expect(200)
    expect(Buffer.from(await contentOf(bob, begun.id)).equals(bytes)).toBe(true)
    await local.close()
  }, 60_000)

  it('is refused whose parts together are not what was announced', async () => {
    const bytes = someBytes(101 * mb)
    const { body: begun } = await ann.post('/uploads', announcing(bytes)).expect(201)
    bytes[50 * mb] = (bytes[50 * mb] ?? 0) ^ 1
    const parts = await putParts(begun.multipart, bytes)
    const { body } = await ann.post(`/uploads/${begun.id}/complete`, { parts }).expect(422)
    expect(body.detail).toBe('The bytes that came are not those that were announced')
  }, 60_000)

  it('has fresh URLs for its own parts alone', async () => {
    const { body: begun } = await ann.post('/uploads', announcing(someBytes(), { size: 101 * mb })).expect(201)
    const { body } = await ann.post(`/uploads/${begun.id}/parts`, { numbers: [1, 8] }).expect(400)
    expect(body.errors).toEqual([{ path: 'body.numbers.1', message: 'the parts are 1 to 7' }])
    for (const numbers of [[], [0], [1, 1], [1.5]]) await ann.post(`/uploads/${begun.id}/parts`, { numbers }).expect(400)
  })

  it('is not left begun where there is no room for it', async () => {
    const other = await startTestApp({ ...bucket.environment, MAX_FILE_SIZE: '200MB', UPLOAD_QUOTA: '50MB' })
    const bob = await aPerson(other)
    const before = await openMultiparts()
    await bob.post('/uploads', announcing(someBytes(), { size: 101 * mb })).expect(403)
    expect(await openMultiparts()).toEqual(before)
    await other.close()
  })

  it('is aborted: no part is taken after that, and those that came are gone', async () => {
    const { body: begun } = await ann.post('/uploads', announcing(someBytes(), { size: 101 * mb })).expect(201)
    const [first, second] = begun.multipart.parts
    const piece = someBytes(16 * mb)
    expect((await put(first, piece)).status).toBe(200)
    await ann.delete(`/uploads/${begun.id}`).expect(204)
    await ann.post(`/uploads/${begun.id}/complete`, { parts: [{ number: 1, etag: 'x' }] }).expect(404)
    await app.context.uploadSweeper.sweep(10)
    expect((await put(second, piece)).status).toBe(404)
    expect(await openMultiparts()).not.toContain(pendingKey({ _id: new Types.ObjectId(String(begun.id)) }))
  })
})
