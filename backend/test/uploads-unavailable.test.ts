import { Types } from 'mongoose'
import sharp from 'sharp'
import type { Response } from 'supertest'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { UploadDocument } from '../src/features/uploads/index.js'
import { originalKey } from '../src/features/uploads/keys.js'
import { aPerson, type Person } from './support/people.js'
import { aPicture } from './support/pictures.js'
import { aBucket, type Bucket, s3Access } from './support/s3.js'
import { before, type StorageStep } from './support/storage-steps.js'
import { TcpProxy, targetOf } from './support/tcp-proxy.js'
import { startTestApp, type TestApp } from './support/test-app.js'
import { announcing, anUpload, aPending, contentOf, put, putParts, someBytes } from './support/uploads.js'

let bucket: Bucket
let proxy: TcpProxy
let app: TestApp
let ann: Person
beforeAll(async () => {
  bucket = await aBucket()
  proxy = await TcpProxy.open(targetOf(s3Access().endpoint))
  app = await startTestApp(
    { ...bucket.through(proxy).environment, MAX_FILE_SIZE: '200MB', UPLOAD_DAILY: '1GB' },
    { uploads: { everyMs: 3_600_000 } },
  )
  ann = await aPerson(app)
})
afterEach(() => {
  proxy.restore()
  proxy.flow()
})
afterAll(async () => {
  await app.close()
  await proxy.close()
  await bucket.remove()
})

const large = 101 * 1024 * 1024
const isUnavailable = { code: 'service_unavailable', detail: 'The storage cannot be reached; try again' }
const uploads = () => app.context.mongo.connection.collection<UploadDocument>('uploads')
const statusOf = async (id: string) => (await ann.get(`/uploads/${id}`).expect(200)).body.status

it('a storage that is away is 503 with Retry-After, the upload stays pending, and completing it later works', async () => {
  const { id } = await aPending(ann)
  proxy.cut()
  const { body, headers } = await ann.post(`/uploads/${id}/complete`, {}).expect(503)
  expect(body).toMatchObject(isUnavailable)
  expect(Number(headers['retry-after'])).toBeGreaterThan(0)
  expect(await statusOf(id)).toBe('pending')
  proxy.restore()
  await ann.post(`/uploads/${id}/complete`, {}).expect(200)
})

it('a multipart is not begun where the storage is away, and counts for nothing', async () => {
  const announced = announcing(someBytes(10), { size: large })
  const bob = await aPerson(app)
  proxy.cut()
  const begin = (key: string) => bob.post('/uploads', announced).set('Idempotency-Key', key)
  const { body, headers } = await begin('large').expect(503)
  expect(body).toMatchObject(isUnavailable)
  expect(Number(headers['retry-after'])).toBeGreaterThan(0)
  for (let time = 0; time < 10; time++) await begin(`large-${time}`).expect(503) // more than a day has room for
  proxy.restore()
  await begin('large').expect(201)
})

it('what is PUT at once needs no storage to be announced, and URLs of what is ready need none', async () => {
  const { id } = await anUpload(ann)
  proxy.cut()
  await ann.post('/uploads', announcing(someBytes())).expect(201)
  await ann.get(`/uploads/${id}/content`).expect(302)
  await ann.post('/uploads/urls', { ids: [id] }).expect(200)
  proxy.restore()
})

it('a storage that does not answer is 503 too, and the upload stays pending', async () => {
  const { id } = await aPending(ann)
  proxy.silence()
  const { body } = await ann.post(`/uploads/${id}/complete`, {}).expect(503)
  proxy.flow()
  expect(body).toMatchObject(isUnavailable)
  expect(await statusOf(id)).toBe('pending')
  await ann.post(`/uploads/${id}/complete`, {}).expect(200)
})

/** The connection breaks at this step: what was done before it is done. */
const losing = async (step: StorageStep, ask: () => Promise<Response>): Promise<Response> => {
  const isReached = before(app.context.storage, step, () => proxy.cut())
  const answer = await ask()
  proxy.restore()
  expect([step, isReached()]).toEqual([step, true])
  return answer
}

it.each(['head', 'copy', 'read', 'remove'] as const)(
  'where the storage is lost at %s, completing it again ends with what was uploaded',
  async (step) => {
    const bytes = someBytes()
    const { id } = await aPending(ann, bytes)
    const answer = await losing(step, async () => ann.post(`/uploads/${id}/complete`, {}))
    expect(answer.status).toBe(step === 'remove' ? 200 : 503) // what is left to remove the sweeper removes
    expect(await statusOf(id)).toBe(step === 'remove' ? 'ready' : 'pending')
    await ann.post(`/uploads/${id}/complete`, {}).expect(200)
    expect(await contentOf(ann, id)).toEqual(bytes)
  },
)

it('where the storage is lost when a picture is written anew, completing it again ends with that picture, and no other is left', async () => {
  const { id } = await aPending(ann, new Uint8Array(await aPicture().png().toBuffer()), { contentType: 'image/png' })
  expect((await losing('write', async () => ann.post(`/uploads/${id}/complete`, {}))).status).toBe(503)
  expect(await statusOf(id)).toBe('pending')
  expect((await ann.post(`/uploads/${id}/complete`, {}).expect(200)).body).toMatchObject({ width: 40, height: 20 })
  expect((await sharp(await contentOf(ann, id)).metadata()).width).toBe(40)
  const { attempts = [], servedFrom } = (await uploads().findOne({ _id: new Types.ObjectId(id) })) ?? {}
  expect(attempts).toHaveLength(2)
  for (const attempt of attempts)
    expect([(await app.context.storage.head(originalKey(attempt))) !== undefined]).toEqual([servedFrom?.equals(attempt)])
})

it('where it is lost at each step of joining parts, completing it again ends with what was uploaded', async () => {
  const bytes = someBytes(large)
  const { body: begun } = await ann.post('/uploads', announcing(bytes)).expect(201)
  const parts = await putParts(begun.multipart, bytes)
  for (const step of ['completeMultipart', 'head', 'copy', 'read'] as const) {
    const { status, body } = await losing(step, async () => ann.post(`/uploads/${begun.id}/complete`, { parts }))
    expect([step, status, body.detail]).toEqual([step, 503, isUnavailable.detail])
    expect([step, await statusOf(begun.id)]).toEqual([step, 'pending'])
  }
  await ann.post(`/uploads/${begun.id}/complete`, { parts }).expect(200)
  expect(Buffer.from(await contentOf(ann, begun.id)).equals(bytes)).toBe(true)
}, 120_000)

it('what cannot be swept now is swept later, and keeps nothing behind it waiting', async () => {
  const [one, two] = [await anUpload(ann), await anUpload(ann)]
  const ids = [one, two].map(({ id }) => new Types.ObjectId(id))
  const due = () => uploads().updateMany({ _id: { $in: ids } }, { $set: { sweepAt: new Date(0) }, $unset: { outbox: '' } })
  await due()
  proxy.cut()
  expect(await app.context.uploadSweeper.sweep(10)).toBe(2)
  expect(await app.context.uploadSweeper.sweep(10)).toBe(0)
  proxy.restore()
  await due()
  await app.context.uploadSweeper.sweep(10)
  expect(await uploads().countDocuments({ _id: { $in: ids } })).toBe(0)
})

it('PUTs of exactly what was announced alone are taken', async () => {
  const bytes = someBytes()
  for (const [wrong, type] of [
    [someBytes(999), 'application/octet-stream'],
    [someBytes(1001), 'application/octet-stream'],
    [bytes, 'text/html'],
  ] as const) {
    const { body } = await ann.post('/uploads', announcing(bytes)).expect(201)
    const { url, headers } = body.upload
    const answer = await put({ url, headers: { ...headers, 'content-type': type } }, wrong)
    expect(answer.status).toBe(403)
    await ann.post(`/uploads/${body.id}/complete`, {}).expect(409)
  }
})
