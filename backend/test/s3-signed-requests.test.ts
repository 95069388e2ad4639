import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { S3Storage } from '../src/platform/storage/s3-storage.js'
import { aBucket, type Bucket } from './support/s3.js'
import { send } from './support/signed-request.js'

let bucket: Bucket
let storage: S3Storage
beforeAll(async () => {
  bucket = await aBucket()
  storage = new S3Storage(bucket.settings)
})
afterAll(async () => {
  await storage.close()
  await bucket.remove()
})

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64')
const aKey = () => `pending/${randomBytes(12).toString('hex')}`
const png = 'image/png'
const statusOf = async (answer: Promise<Response>) => (await answer).status

/** A signed PUT of some bytes. */
const aPut = async (size = 1000, at = storage) => {
  const bytes = new Uint8Array(randomBytes(size))
  const key = aKey()
  return { key, bytes, put: await at.presignPut({ key, size, contentType: png, sha256: sha256(bytes) }) }
}

describe('a signed PUT', () => {
  it('takes the bytes that it was signed for', async () => {
    const { key, bytes, put } = await aPut()
    expect(await statusOf(send(put, bytes))).toBe(200)
    expect(await storage.head(key)).toMatchObject({ size: 1000, contentType: png })
    expect(put.expiresAt.getTime() - Date.now()).toBeGreaterThan(14 * 60_000)
    expect(put.expiresAt.getTime() - Date.now()).toBeLessThanOrEqual(15 * 60_000)
  })

  it.each([
    ['one byte more', 1],
    ['one byte less', -1],
  ])('refuses %s', async (_what, more) => {
    const { key, bytes, put } = await aPut()
    expect(await statusOf(send(put, new Uint8Array(bytes.length + more)))).toBe(403)
    expect(await storage.head(key)).toBeUndefined()
  })

  it('refuses another type, another hash, another key and no hash', async () => {
    const { key, bytes, put } = await aPut()
    expect(await statusOf(send(put, bytes, { headers: { 'content-type': 'text/html' } }))).toBe(403)
    expect(await statusOf(send(put, bytes, { headers: { 'x-amz-checksum-sha256': sha256(new Uint8Array(1)) } }))).toBe(403)
    const { 'x-amz-checksum-sha256': _hash, ...without } = put.headers
    expect(await statusOf(send({ ...put, headers: without }, bytes))).toBe(403)
    const other = aKey()
    expect(await statusOf(send(put, bytes, { url: put.url.replace(key, other) }))).toBe(403)
    expect([await storage.head(key), await storage.head(other)]).toEqual([undefined, undefined])
  })

  it('is refused once it has expired', async () => {
    const brief = new S3Storage(bucket.settings, { uploadTtlSeconds: 3 })
    const { bytes, put } = await aPut(10, brief)
    expect(await statusOf(send(put, bytes))).toBe(200) // so it is time that makes the difference
    await expect.poll(() => statusOf(send(put, bytes))).toBe(403)
    await brief.close()
  })

  it('makes nothing public, whatever the client adds to it', async () => {
    const { key, bytes, put } = await aPut()
    const { origin, pathname } = new URL(put.url)
    for (const acl of ['public-read', 'public-read-write', 'authenticated-read']) {
      await send(put, bytes, { headers: { 'x-amz-acl': acl } }) // taken or refused: servers differ
      expect([acl, await statusOf(fetch(`${origin}${pathname}`))]).toEqual([acl, 403])
    }
    await send(put, bytes)
    expect(await storage.head(key)).toBeDefined()
    expect(await statusOf(fetch(`${origin}${pathname}`))).toBe(403)
  })

  it('would make an object public in a bucket that was not set up', async () => {
    const open = await aBucket({ mayBePublic: true })
    const unsafe = new S3Storage(open.settings)
    const { bytes, put } = await aPut(10, unsafe)
    expect(await statusOf(send(put, bytes, { headers: { 'x-amz-acl': 'public-read' } }))).toBe(200)
    const { origin, pathname } = new URL(put.url)
    expect(await statusOf(fetch(`${origin}${pathname}`))).toBe(200) // what the bucket's settings are for
    expect(await unsafe.faults()).toEqual([expect.stringContaining('npm run admin -- storage setup')])
    expect(await storage.faults()).toEqual([])
    await unsafe.close()
    await open.remove()
  })

  it('costs less than a millisecond', async () => {
    const request = { key: aKey(), size: 1000, contentType: png, sha256: sha256(new Uint8Array(1)) }
    for (let warm = 0; warm < 500; warm++) await storage.presignPut(request)
    const before = process.cpuUsage()
    const times = 2000
    for (let time = 0; time < times; time++) await storage.presignPut(request)
    const { user, system } = process.cpuUsage(before)
    const milliseconds = (user + system) / 1000 / times
    console.log(`a signed PUT: ${milliseconds.toFixed(3)} ms of a processor`)
    expect(milliseconds).toBeLessThan(1)
  })
})

describe('a signed GET', () => {
  it('answers the bytes with the name, the type and the disposition it was signed for', async () => {
    const key = aKey()
    await storage.write(key, Buffer.from('<svg/>'), { size: 6, contentType: 'image/svg+xml' })
    const { url } = await storage.presignGet(key, { fileName: 'Größe "x".svg', contentType: 'image/svg+xml', inline: true })
    const answer = await fetch(url)
    expect([answer.status, await answer.text()]).toEqual([200, '<svg/>'])
    expect(answer.headers.get('content-type')).toBe('image/svg+xml')
    expect(answer.headers.get('content-disposition')).toBe(
      `attachment; filename="Gr__e _x_.svg"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%22x%22.svg`,
    )
  })

  it('cannot be changed, and is the only way', async () => {
    const key = aKey()
    await storage.write(key, Buffer.from('x'), { size: 1, contentType: png })
    const { url } = await storage.presignGet(key, { fileName: 'x.png', contentType: png, inline: true })
    expect(await statusOf(fetch(url))).toBe(200)
    expect(await statusOf(fetch(url.replace('image%2Fpng', 'text%2Fhtml')))).toBe(403)
    expect(await statusOf(fetch(url.split('?')[0] ?? ''))).toBe(403)
    expect(await statusOf(fetch(`${url.slice(0, url.indexOf('/pending'))}?list-type=2`))).toBe(403)
  })

  it('is refused once it has expired', async () => {
    const brief = new S3Storage(bucket.settings, { downloadTtlSeconds: 3 })
    const key = aKey()
    await brief.write(key, Buffer.from('x'), { size: 1, contentType: png })
    const { url } = await brief.presignGet(key, { fileName: 'x.png', contentType: png, inline: true })
    expect(await statusOf(fetch(url))).toBe(200)
    await expect.poll(() => statusOf(fetch(url))).toBe(403)
    await brief.close()
  })
})
