import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Clamd, eicar, startClamd } from './support/clamd.js'
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
const refusalOf = async (contentType: string, bytes: Uint8Array<ArrayBuffer>, changes: object = {}) => {
  const { id } = await aPending(ann, bytes, { contentType, ...changes })
  const { body } = await ann.post(`/uploads/${id}/complete`, {}).expect(422)
  await ann.get(`/uploads/${id}/content`).expect(409)
  return body.detail
}

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
    expect(Buffer.from(served).includes(secretPlace)).toBe(false)
    const { headers } = await ann.get(`/uploads/${id}/content?size=thumbnail`).expect(302)
    expect((await fetch(String(headers['location']))).headers.get('content-type')).toBe('image/webp')
    const { items } = (await ann.post('/uploads/urls', { ids: [id] }).expect(200)).body
    expect((await fetch(items[0].thumbnailUrl)).status).toBe(200)
  })
})

describe('what is uploaded', () => {
  it('is refused where it does harm', async () => {
    expect(await refusalOf('application/octet-stream', bytesOf(eicar))).toMatch(/^Something harmful was found/)
  })

  it('is refused where it is a bomb', async () => {
    expect(await refusalOf('image/png', bytesOf(aPngOf(30_000, 30_000)))).toBe('The picture has too many pixels')
  })

  it('is served to be saved where a browser would run it', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    const { id } = await anUpload(ann, { contentType: 'image/svg+xml', fileName: 'a.svg' }, bytesOf(svg))
    const { headers } = await ann.get(`/uploads/${id}/content`).expect(302)
    expect((await fetch(String(headers['location']))).headers.get('content-disposition')).toMatch(/^attachment;/)
  })

  it('stays pending where the scanner cannot be asked', async () => {
    const other = await startTestApp({ ...bucket.environment, SCANNER: 'clamd', CLAMD_SOCKET: '/nonexistent/clamd.sock' })
    const bob = await aPerson(other)
    const { id } = await aPending(bob)
    const { body, headers } = await bob.post(`/uploads/${id}/complete`, {}).expect(503)
    expect(body).toMatchObject({ code: 'service_unavailable', detail: 'The file cannot be looked at now; try again' })
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    expect((await bob.get(`/uploads/${id}`).expect(200)).body.status).toBe('pending')
    await other.close()
  })
})
