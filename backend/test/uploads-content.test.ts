import { buffer } from 'node:stream/consumers'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Clamd, eicar, startClamd } from './support/clamd.js'
import { aNeighbour, aStream, at } from './support/listening.js'
import { aPerson, type Person } from './support/people.js'
import { aPicture, aPngOf, asPhotograph, secretPlace } from './support/pictures.js'
import { aBucket, type Bucket } from './support/s3.js'
import { startTestApp, type TestApp } from './support/test-app.js'
import { anUpload, aPending, contentOf } from './support/uploads.js'

let bucket: Bucket
let clamd: Clamd
let app: TestApp
let ann: Person
beforeAll(async () => {
  bucket = await aBucket()
  clamd = await startClamd()
  app = await startTestApp({ ...bucket.environment, SCANNER: 'clamd', CLAMD_SOCKET: clamd.path })
  ann = await aPerson(app)
}, 120_000)
afterAll(async () => {
  await app.close()
  await clamd.stop()
  await bucket.remove()
})

const bytesOf = (text: string | Buffer) => new Uint8Array(Buffer.from(text))
const keysIn = async () => {
  const keys: string[] = []
  for (const prefix of ['pending/', 'final/']) for await (const { key } of app.context.storage.list(prefix)) keys.push(key)
  return keys
}
/** Why it is refused; nothing of it is left, and nobody has it. */
const refusalOf = async (contentType: string, bytes: Uint8Array<ArrayBuffer>, changes: object = {}) => {
  const keys = await keysIn()
  const { id } = await aPending(ann, bytes, { contentType, ...changes })
  const { body } = await ann.post(`/uploads/${id}/complete`, {}).expect(422)
  expect((await ann.post(`/uploads/${id}/complete`, {}).expect(422)).body.detail).toBe(body.detail)
  await ann.get(`/uploads/${id}/content`).expect(409)
  expect(await keysIn()).toEqual(keys)
  return body.detail
}

const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
const page = '<!doctype html><title>x</title><script>alert(1)</script>'
const png = () => aPicture().png().toBuffer()

describe('a photograph', () => {
  it('is served upright, without where it was taken, and with a thumbnail', async () => {
    const bytes = bytesOf(await asPhotograph(aPicture(600, 400)).jpeg().toBuffer())
    expect(Buffer.from(bytes).includes(secretPlace)).toBe(true)
    const { id } = await anUpload(ann, { contentType: 'image/jpeg', fileName: 'me.jpg' }, bytes)
    const { body } = await ann.get(`/uploads/${id}`).expect(200)
    expect(body.thumbnails).toHaveLength(1)
    expect(Math.max(body.thumbnails[0].width, body.thumbnails[0].height)).toBe(320)
    expect(body).toMatchObject({ width: 400, height: 600 })
    const served = await contentOf(ann, id)
    expect(served).toHaveLength(body.size)
    const { exif, xmp, orientation } = await sharp(served).metadata()
    expect([exif, xmp, orientation]).toEqual([undefined, undefined, undefined])
    for (const key of await keysIn()) expect((await buffer(await app.context.storage.read(key))).includes(secretPlace)).toBe(false)
    const { headers } = await ann.get(`/uploads/${id}/content?size=thumbnail`).expect(302)
    expect((await fetch(String(headers['location']))).headers.get('content-type')).toBe('image/webp')
    const { items } = (await ann.post('/uploads/urls', { ids: [id] }).expect(200)).body
    expect((await fetch(items[0].thumbnailUrl)).status).toBe(200)
  })
})

describe('what is uploaded', () => {
  it('is refused where it does harm, and its owner’s devices are told', async () => {
    const stream = await aStream(ann, app)
    expect(await refusalOf('application/octet-stream', bytesOf(eicar))).toBe(
      'Something harmful was found in the file: Test.Eicar.UNOFFICIAL',
    )
    const told = await stream.waitFor(({ event }) => event === 'upload.updated', 30_000)
    expect(told.data).toMatchObject({ upload: { status: 'refused', refusal: expect.stringMatching(/^Something harmful/) } })
  })

  it('is refused where it is a bomb', async () => {
    const bomb = bytesOf(aPngOf(30_000, 30_000))
    expect(bomb.length).toBeLessThan(1_000_000)
    for (const purpose of ['attachment', 'avatar'])
      expect(await refusalOf('image/png', bomb, { purpose })).toBe('The picture has too many pixels')
  })

  const lies: readonly (readonly [string, string, () => Promise<string | Buffer>])[] = [
    ['a page as a picture', 'image/png', async () => page],
    ['a drawing with a script as a picture', 'image/png', async () => svg],
    ['a page as a drawing', 'image/svg+xml', async () => page],
    ['a page as a document', 'application/pdf', async () => page],
    ['a picture as a text', 'text/plain', png],
    ['a picture as another kind of picture', 'image/jpeg', png],
    ['a picture as a film', 'video/mp4', png],
    ['a program as a picture', 'image/gif', async () => Buffer.from('MZ\u0090\u0000\u0003', 'latin1')],
    [
      'a film as a picture',
      'image/webp',
      async () => Buffer.from('\u0000\u0000\u0000\u0018ftypmp42\u0000\u0000\u0000\u0000mp42isom', 'latin1'),
    ],
  ]
  it.each(lies)('is refused for a lie: %s', async (_what, contentType, content) => {
    expect(await refusalOf(contentType, bytesOf(await content()))).toMatch(/^The file is said to be /)
  })

  it.each(['jpeg', 'png', 'webp', 'gif'] as const)('is a picture alone that is %s and a page at the same time', async (format) => {
    const picture = await aPicture().toFormat(format).toBuffer()
    const both = Buffer.concat([picture, Buffer.from(`PK\u0003\u0004${page}`)])
    const { id } = await anUpload(ann, { contentType: `image/${format}`, fileName: 'me' }, bytesOf(both))
    const served = Buffer.from(await contentOf(ann, id))
    expect([served.includes('<script>'), served.includes('PK\u0003\u0004')]).toEqual([false, false])
    expect(await sharp(served).metadata()).toMatchObject({ format, width: 40, height: 20 })
  })

  it('is called what it is where it was called nothing', async () => {
    const { id } = await anUpload(ann, {}, bytesOf(await png()))
    expect((await ann.get(`/uploads/${id}`).expect(200)).body).toMatchObject({ contentType: 'image/png', width: 40, height: 20 })
  })

  it.each([
    ['image/svg+xml', svg],
    ['text/html', page],
    ['application/xhtml+xml', '<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>'],
    ['text/javascript', 'alert(1)'],
    ['application/pdf', '%PDF-1.4 /OpenAction << /S /JavaScript /JS (app.alert(1)) >>'],
  ])('is served to be saved where a browser would run it: %s', async (contentType, content) => {
    const { id, bytes } = await anUpload(ann, { contentType, fileName: 'a' }, bytesOf(content))
    const answer = await fetch(String((await ann.get(`/uploads/${id}/content`).expect(302)).headers['location']))
    expect(answer.headers.get('content-disposition')).toMatch(/^attachment;/)
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes)
  })

  it('stays pending where the scanner cannot be asked, and is ready once it can', async () => {
    const without = { ...bucket.environment, SCANNER: 'clamd', CLAMD_SOCKET: '/nonexistent/clamd.sock' }
    const other = await aNeighbour(app, without)
    const { id } = await aPending(ann)
    const { body, headers } = await at(other, ann).post(`/uploads/${id}/complete`, {}).expect(503)
    expect(body).toMatchObject({ code: 'service_unavailable', detail: 'The file cannot be looked at now; try again' })
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    expect((await ann.get(`/uploads/${id}`).expect(200)).body.status).toBe('pending')
    expect((await ann.post(`/uploads/${id}/complete`, {}).expect(200)).body.status).toBe('ready')
  })
})
