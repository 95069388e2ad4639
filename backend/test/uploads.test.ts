import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UploadDocument } from '../src/features/uploads/index.js'
import { originalKey, pendingKey } from '../src/features/uploads/keys.js'
import { aStream } from './support/listening.js'
import { aPerson, type Person } from './support/people.js'
import { aBucket, type Bucket } from './support/s3.js'
import { startTestApp, type TestApp } from './support/test-app.js'
import { announcing, anUpload, aPending, aPicture, contentOf, put, someBytes } from './support/uploads.js'

const never = 3_600_000
let bucket: Bucket
let app: TestApp
let ann: Person
beforeAll(async () => {
  bucket = await aBucket()
  app = await startTestApp(
    { ...bucket.environment, MAX_FILE_SIZE: '200MB', UPLOAD_QUOTA: '100GB', UPLOAD_DAILY: '100GB' },
    { uploads: { everyMs: never } },
  )
  ann = await aPerson(app)
})
afterAll(async () => {
  await app.close()
  await bucket.remove()
})

const stored = async (id: string): Promise<UploadDocument> => {
  const upload = await app.context.models.find((model) => model.modelName === 'Upload')?.collection.findOne({ _id: new Types.ObjectId(id) })
  return upload as unknown as UploadDocument
}
const storage = () => app.context.storage

describe('an upload', () => {
  it('is announced, PUT straight to the storage, completed, and had again under its name', async () => {
    const stream = await aStream(ann, app)
    const bytes = someBytes()
    const { body: begun } = await ann.post('/uploads', announcing(bytes, { fileName: 'résumé ☀.bin' })).expect(201)
    expect(begun).toMatchObject({ id: expect.stringMatching(/^[0-9a-f]{24}$/), upload: { method: 'PUT' } })
    expect(begun.multipart).toBeUndefined()
    expect((await put(begun.upload, bytes)).status).toBe(200)
    const { body } = await ann.post(`/uploads/${begun.id}/complete`, {}).expect(200)
    expect(body).toMatchObject({
      id: begun.id,
      status: 'ready',
      fileName: 'résumé ☀.bin',
      contentType: 'application/octet-stream',
      size: 1000,
    })
    expect((await ann.get(`/uploads/${begun.id}`).expect(200)).body).toEqual(body)
    const { headers } = await ann.get(`/uploads/${begun.id}/content`).expect(302)
    const answer = await fetch(String(headers['location']))
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes)
    expect(answer.headers.get('content-disposition')).toContain(
      'attachment; filename="r_sum_ _.bin"; filename*=UTF-8\'\'r%C3%A9sum%C3%A9%20%E2%98%80.bin',
    )
    const told = await stream.waitFor(({ event }) => event === 'upload.updated', 30_000)
    expect(told.data).toMatchObject({ type: 'upload.updated', upload: body })
  })

  it('leaves nothing where it was PUT', async () => {
    const { id } = await anUpload(ann)
    expect(await storage().head(pendingKey({ _id: new Types.ObjectId(id) }))).toBeUndefined()
  })

  it('that is asked for again with the same Idempotency-Key is the same one, signed anew', async () => {
    const announced = announcing(someBytes())
    const ask = () => ann.post('/uploads', announced).set('Idempotency-Key', 'once').expect(201)
    const first = await ask()
    await expect
      .poll(async () => (await ask()).body)
      .toMatchObject({ id: first.body.id, upload: { url: expect.not.stringContaining(first.body.upload.url) } })
  })

  it('is aborted, and is nothing from then on', async () => {
    const { id } = await aPending(ann)
    await ann.delete(`/uploads/${id}`).expect(204)
    for (const asked of [ann.get(`/uploads/${id}`), ann.post(`/uploads/${id}/complete`, {}), ann.delete(`/uploads/${id}`)])
      await asked.expect(404)
  })
})

describe('what is announced', () => {
  it.each([
    ['no bytes', { size: 0 }, 'body.size'],
    ['more than may be', { size: 201 * 1024 * 1024 }, 'body.size'],
    ['half a byte', { size: 1.5 }, 'body.size'],
    ['an avatar of more than 5 MB', { size: 5 * 1024 * 1024 + 1, purpose: 'avatar', contentType: 'image/png' }, 'body.size'],
    ['an avatar that is no image', { purpose: 'avatar', contentType: 'application/pdf' }, 'body.contentType'],
    ['an avatar that a browser would run', { purpose: 'avatar', contentType: 'image/svg+xml' }, 'body.contentType'],
    ['another purpose', { purpose: 'backup' }, 'body.purpose'],
    ['a type with parameters', { contentType: 'text/html; charset=utf-8' }, 'body.contentType'],
    ['a type with a line break', { contentType: 'text/html\r\nX-Evil: 1' }, 'body.contentType'],
    ['a hash of another length', { checksumSha256: 'AAAA' }, 'body.checksumSha256'],
    ['a hash in hexadecimal', { checksumSha256: 'a'.repeat(64) }, 'body.checksumSha256'],
    ['a path', { fileName: '../../etc/passwd' }, 'body.fileName'],
    ['a path of Windows', { fileName: String.raw`..\boot.ini` }, 'body.fileName'],
    ['the folder above', { fileName: '..' }, 'body.fileName'],
    ['a name with NUL', { fileName: 'a\u0000.png' }, 'body.fileName'],
    ['a name of two lines', { fileName: 'a\nb.png' }, 'body.fileName'],
    ['a name that reads backwards', { fileName: 'a\u202egpj.exe' }, 'body.fileName'],
    ['a name of 4 KB', { fileName: '🏔'.repeat(1024) }, 'body.fileName'],
    ['half a character', { fileName: '\ud800.png' }, 'body.fileName'],
    ['no name', { fileName: ' ' }, 'body.fileName'],
  ])('is refused: %s', async (_what, changes, path) => {
    const { body } = await ann.post('/uploads', announcing(someBytes(10), changes)).expect(400)
    expect(body).toMatchObject({ code: 'validation_failed', errors: [{ path }] })
  })

  it('is of the size and the types that the operator allows, 10 MB of any where nothing is said', async () => {
    const [usual, strict] = [
      await startTestApp(),
      await startTestApp({ MAX_FILE_SIZE: '1KB', ALLOWED_FILE_TYPES: 'image/*,application/pdf' }),
    ]
    const [bob, zoe] = [await aPerson(usual), await aPerson(strict)]
    const most = 10 * 1024 * 1024
    await bob.post('/uploads', announcing(someBytes(), { size: most })).expect(201)
    expect((await bob.post('/uploads', announcing(someBytes(), { size: most + 1 })).expect(400)).body.errors[0].path).toBe('body.size')
    const asked = (contentType: string, size = 1024, purpose = 'attachment') =>
      zoe.post('/uploads', announcing(someBytes(), { contentType, size, purpose }))
    for (const type of ['image/png', 'application/pdf']) await asked(type).expect(201)
    for (const type of ['text/html', 'application/pdf+x', 'video/mp4', 'imagex/png']) {
      expect((await asked(type).expect(400)).body.errors[0].path).toBe('body.contentType')
    }
    await asked('image/png', 1025).expect(400)
    await asked('image/png', 5 * 1024 * 1024, 'avatar').expect(201) // has a rule of its own
    await Promise.all([usual.close(), strict.close()])
  })

  it('may have any name that is one', async () => {
    for (const fileName of ['🏳️‍🌈 ‏שלום.txt', '.bashrc', 'a'.repeat(255), 'it\'s 100% "me";.txt']) {
      const { id, bytes } = await anUpload(ann, { fileName })
      expect((await ann.get(`/uploads/${id}`).expect(200)).body.fileName).toBe(fileName)
      expect(await contentOf(ann, id)).toEqual(bytes)
    }
  })
})

describe('to complete', () => {
  it('is refused before the PUT, says so, and works after it', async () => {
    const bytes = someBytes()
    const { body: begun } = await ann.post('/uploads', announcing(bytes)).expect(201)
    const { body } = await ann.post(`/uploads/${begun.id}/complete`, {}).expect(409)
    expect(body).toMatchObject({ code: 'conflict', detail: 'Nothing has been uploaded yet: PUT the bytes first' })
    await ann.get(`/uploads/${begun.id}/content`).expect(409)
    await put(begun.upload, bytes)
    await ann.post(`/uploads/${begun.id}/complete`, {}).expect(200)
  })

  it('is nobody else’s, for whom there is no such upload', async () => {
    const { id } = await aPending(ann)
    const bob = await aPerson(app, { name: 'Bob' })
    await bob.post(`/uploads/${id}/complete`, {}).expect(404)
    await bob.post(`/uploads/${id}/parts`, { numbers: [1] }).expect(404)
    await bob.get(`/uploads/${id}`).expect(404)
    await bob.get(`/uploads/${id}/content`).expect(404)
    await bob.delete(`/uploads/${id}`).expect(404)
    expect((await ann.get(`/uploads/${id}`).expect(200)).body.status).toBe('pending')
  })

  it.each([
    ['of another size', { bytes: someBytes(999) }],
    ['of another type', { contentType: 'text/html' }],
    ['with another hash', { bytes: someBytes(1000) }],
  ])(
    'is refused for bytes %s, for good',
    async (_what, { bytes, contentType = 'application/octet-stream' }: { bytes?: Uint8Array; contentType?: string }) => {
      const announced = someBytes()
      const { body: begun } = await ann.post('/uploads', announcing(announced)).expect(201)
      // as if the storage had let it through
      const body = Buffer.from(bytes ?? announced)
      await storage().write(pendingKey({ _id: new Types.ObjectId(String(begun.id)) }), body, { size: body.length, contentType })
      const first = await ann.post(`/uploads/${begun.id}/complete`, {}).expect(422)
      expect(first.body.code).toBe('upload_refused')
      await put(begun.upload, announced)
      const again = await ann.post(`/uploads/${begun.id}/complete`, {}).expect(422)
      expect(again.body.detail).toBe(first.body.detail)
      expect((await ann.get(`/uploads/${begun.id}`).expect(200)).body).toMatchObject({ status: 'refused', refusal: first.body.detail })
      await ann.get(`/uploads/${begun.id}/content`).expect(409)
      const { attempts = [] } = await stored(begun.id)
      for (const attempt of attempts) expect(await storage().head(originalKey(attempt))).toBeUndefined()
    },
  )

  it.each([
    ['a page that is said to be a picture', 'image/png', Buffer.from('<html><script>alert(1)</script></html>')],
    ['a picture that is said to be a document', 'application/pdf', Buffer.from(aPicture())],
    ['a page that is said to be a text, with bytes that are none', 'text/plain', Buffer.from([0, 1, 2, 255])],
  ])('is refused for what is not what it is said to be: %s', async (_what, contentType, content) => {
    const { id } = await aPending(ann, new Uint8Array(content), { contentType })
    expect((await ann.post(`/uploads/${id}/complete`, {}).expect(422)).body.code).toBe('upload_refused')
  })

  it('is refused for an avatar that is no picture', async () => {
    const { id } = await aPending(ann, someBytes(), { contentType: 'image/png', purpose: 'avatar' })
    await ann.post(`/uploads/${id}/complete`, {}).expect(422)
  })

  it('takes no parts where there are none, and no such parts', async () => {
    const { id } = await aPending(ann)
    await ann.post(`/uploads/${id}/complete`, { parts: [{ number: 1, etag: 'x' }] }).expect(400)
    await ann.post(`/uploads/${id}/parts`, { numbers: [1] }).expect(409)
    await ann.post(`/uploads/${id}/complete`, { parts: [{ number: 1, etag: 'a\r\nb' }] }).expect(400)
  })
})

describe('URLs for what sends no header', () => {
  it('are of those that one may see and that are ready, in the order asked for', async () => {
    const [one, two, pending] = [await anUpload(ann), await anUpload(ann), await aPending(ann)]
    const bob = await aPerson(app)
    const foreign = await anUpload(bob)
    const ids = [two.id, foreign.id, pending.id, '0'.repeat(24), one.id]
    const { items } = (await ann.post('/uploads/urls', { ids }).expect(200)).body
    expect(items.map(({ id }: { id: string }) => id)).toEqual([two.id, one.id])
    expect(new Uint8Array(await (await fetch(items[0].url)).arrayBuffer())).toEqual(two.bytes)
    await ann.post('/uploads/urls', { ids: Array.from({ length: 51 }, () => new Types.ObjectId().toHexString()) }).expect(400)
  })

  it('show no thumbnail where there is none', async () => {
    const { id } = await anUpload(ann)
    await ann.get(`/uploads/${id}/content?size=thumbnail`).expect(404)
    await ann.get(`/uploads/${id}/content?size=huge`).expect(400)
  })
})

it('without a bucket all of it goes through the folder', async () => {
  const local = await startTestApp()
  const bob = await aPerson(local, { name: 'Bob' })
  const here = (url: string) => local.url + new URL(url).pathname + new URL(url).search // the port was not known to what signs
  const bytes = someBytes()
  const { body: begun } = await bob.post('/uploads', announcing(bytes)).expect(201)
  expect((await put({ ...begun.upload, url: here(begun.upload.url) }, bytes)).ok).toBe(true)
  await bob.post(`/uploads/${begun.id}/complete`, {}).expect(200)
  const { headers } = await bob.get(`/uploads/${begun.id}/content`).expect(302)
  const answer = await fetch(here(String(headers['location'])))
  expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes)
  await bob.delete(`/uploads/${begun.id}`).expect(204)
  await local.context.uploadSweeper.sweep(10)
  expect((await fetch(here(String(headers['location'])))).status).toBe(404)
  await local.close()
})
