import { Types } from 'mongoose'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Storage } from '../src/platform/storage/storage.js'
import { aPerson, type Person } from './support/people.js'
import { aBucket, type Bucket, s3Access } from './support/s3.js'
import { TcpProxy, targetOf } from './support/tcp-proxy.js'
import { startTestApp, type TestApp } from './support/test-app.js'
import { announcing, anUpload, aPending, contentOf, put, someBytes } from './support/uploads.js'

let bucket: Bucket
let proxy: TcpProxy
let app: TestApp
let ann: Person
beforeAll(async () => {
  bucket = await aBucket()
  proxy = await TcpProxy.open(targetOf(s3Access().endpoint))
  app = await startTestApp({ ...bucket.through(proxy).environment, MAX_FILE_SIZE: '200MB' }, { uploads: { everyMs: 3_600_000 } })
  ann = await aPerson(app)
})
afterAll(async () => {
  proxy.restore()
  await app.close()
  await proxy.close()
  await bucket.remove()
})

const isUnavailable = { code: 'service_unavailable', detail: 'The storage cannot be reached; try again' }
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

it('a multipart is not begun where the storage is away, and counts for nothing once it is', async () => {
  const announced = announcing(someBytes(10), { size: 150 * 1024 * 1024 })
  proxy.cut()
  const { body } = await ann.post('/uploads', announced).set('Idempotency-Key', 'large').expect(503)
  expect(body).toMatchObject(isUnavailable)
  proxy.restore()
  await ann.post('/uploads', announced).set('Idempotency-Key', 'large').expect(201)
})

/** The calls of completing an upload, each of which the storage may fail at. */
const steps: readonly (keyof Storage)[] = ['head', 'copy', 'read', 'remove']

it.each(steps)('where the storage is lost at %s, completing it again ends with what was uploaded', async (step) => {
  const { storage } = app.context
  const bytes = someBytes()
  const { id } = await aPending(ann, bytes)
  const call = Reflect.get(storage, step) as (...parameters: unknown[]) => unknown
  let reached = false
  // the connection breaks at this call: what was done before it is done
  Object.defineProperty(storage, step, {
    configurable: true,
    value(...parameters: unknown[]): unknown {
      reached = true
      proxy.cut()
      return call.apply(storage, parameters)
    },
  })
  const answer = await ann.post(`/uploads/${id}/complete`, {})
  Reflect.deleteProperty(storage, step)
  proxy.restore()
  expect(reached).toBe(true)
  expect(answer.status).toBe(step === 'remove' ? 200 : 503) // what is left to remove the sweeper removes
  if (step !== 'remove') expect(await statusOf(id)).toBe('pending')
  await ann.post(`/uploads/${id}/complete`, {}).expect(200)
  expect(await contentOf(ann, id)).toEqual(bytes)
})

it('what cannot be swept now is swept later, and keeps nothing behind it waiting', async () => {
  const [one, two] = [await anUpload(ann), await anUpload(ann)]
  const uploads = app.context.mongo.connection.collection('uploads')
  const ids = [one, two].map(({ id }) => new Types.ObjectId(id))
  const due = () => uploads.updateMany({ _id: { $in: ids } }, { $set: { sweepAt: new Date(0) }, $unset: { outbox: '' } })
  await due()
  proxy.cut()
  expect(await app.context.uploadSweeper.sweep(10)).toBe(2)
  expect(await app.context.uploadSweeper.sweep(10)).toBe(0)
  proxy.restore()
  await due()
  await app.context.uploadSweeper.sweep(10)
  expect(await uploads.countDocuments({ _id: { $in: ids } })).toBe(0)
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
