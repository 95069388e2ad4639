import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { S3Storage } from '../src/platform/storage/s3-storage.js'
import { StorageRefusal } from '../src/platform/storage/storage.js'
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

const png = 'image/png'
const aKey = (under = 'final') => `${under}/${randomBytes(12).toString('hex')}`
const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}
const written = async (bytes = randomBytes(1000), key = aKey()) => {
  await storage.write(key, bytes, { size: bytes.length, contentType: png })
  return key
}

describe('an object', () => {
  it('is read as it was written, from bytes or from a stream', async () => {
    const bytes = randomBytes(3_000_000)
    const keys = [aKey(), aKey()] as const
    await storage.write(keys[0], bytes, { size: bytes.length, contentType: png })
    await storage.write(keys[1], Readable.from([bytes.subarray(0, 10), bytes.subarray(10)]), { size: bytes.length, contentType: png })
    for (const key of keys) {
      expect(await storage.head(key)).toMatchObject({ size: bytes.length, contentType: png })
      expect((await buffer(await storage.read(key))).equals(bytes)).toBe(true)
    }
  })

  describe('of more than S3 takes at once', () => {
    const inParts = () => new S3Storage(bucket.settings, {}, { mostAtOnceBytes: 6_000_000, partBytes: 5 * 1024 ** 2 })
    const chunksOf = (bytes: Buffer, length: number) =>
      Array.from({ length: Math.ceil(bytes.length / length) }, (_, n) => bytes.subarray(n * length, (n + 1) * length))
    const leftOver = () => all(storage.multiparts())

    it.each([6_000_001, 10 * 1024 ** 2, 12_345_678])('is written in parts, the same to the byte: %i bytes', async (size) => {
      const [bytes, key, large] = [randomBytes(size), aKey(), inParts()]
      await large.write(key, Readable.from(chunksOf(bytes, 65_537)), { size, contentType: png })
      await large.close()
      expect(await storage.head(key)).toMatchObject({ size, contentType: png })
      expect((await buffer(await storage.read(key))).equals(bytes)).toBe(true)
      const head = await bucket.client.send(new HeadObjectCommand({ Bucket: bucket.settings.bucket, Key: key }))
      expect(head.ETag).toMatch(new RegExp(`-${Math.ceil(size / (5 * 1024 ** 2))}"$`)) // so many parts
      expect(await leftOver()).toEqual([])
    })

    it.each([
      ['has fewer bytes than were said', (bytes: Buffer) => Readable.from([bytes.subarray(0, 9_000_000)]), /that were said/],
      ['has more bytes than were said', (bytes: Buffer) => Readable.from([bytes, bytes.subarray(0, 1)]), /that were said/],
      [
        'breaks',
        (bytes: Buffer) =>
          Readable.from(
            (async function* () {
              yield bytes.subarray(0, 7_000_000)
              throw new Error('the source broke')
            })(),
          ),
        /the source broke/,
      ],
    ])('is not there at all where its stream %s', async (_what, streamOf, why) => {
      const [bytes, key, large] = [randomBytes(10_000_000), aKey(), inParts()]
      await expect(large.write(key, streamOf(bytes), { size: bytes.length, contentType: png })).rejects.toThrow(why)
      await large.close()
      expect(await storage.head(key)).toBeUndefined()
      expect(await leftOver()).toEqual([])
    })
  })

  it('is read in part, both ends counted', async () => {
    const key = await written(Buffer.from('0123456789'))
    expect((await buffer(await storage.read(key, { start: 2, end: 4 }))).toString()).toBe('234')
  })

  it('may be empty', async () => {
    const key = await written(Buffer.alloc(0))
    expect(await storage.head(key)).toMatchObject({ size: 0 })
    expect(await buffer(await storage.read(key))).toHaveLength(0)
  })

  it.each([
    ['fewer', 999],
    ['more', 1001],
  ])('is not written where the bytes are %s than was said', async (_what, size) => {
    const key = aKey()
    await expect(storage.write(key, randomBytes(1000), { size, contentType: png })).rejects.toThrow(/that were said/)
    await expect(storage.write(key, Readable.from([randomBytes(1000)]), { size, contentType: png })).rejects.toThrow(/that were said/)
    expect(await storage.head(key)).toBeUndefined()
  })

  it('is not written where its stream fails, and what failed is told', async () => {
    const key = aKey()
    const failing = Readable.from(
      (async function* () {
        yield randomBytes(1000)
        throw new Error('the source broke')
      })(),
    )
    await expect(storage.write(key, failing, { size: 2000, contentType: png })).rejects.toThrow('the source broke')
    expect(await storage.head(key)).toBeUndefined()
  })

  it('is copied with the type it is given, and the copy outlives what it was made from', async () => {
    const bytes = randomBytes(1000)
    const [from, to] = [await written(bytes, aKey('pending')), aKey()]
    await storage.copy(from, to, { contentType: 'image/webp' })
    await storage.remove([from])
    expect(await storage.head(to)).toMatchObject({ size: 1000, contentType: 'image/webp' })
    expect((await buffer(await storage.read(to))).equals(bytes)).toBe(true)
  })

  it('is removed with many others, and again changes nothing', async () => {
    const keys = [await written(), await written()]
    const kept = await written()
    await storage.remove(keys)
    await storage.remove([...keys, ...Array.from({ length: 1500 }, () => aKey())])
    await storage.remove([])
    expect(await Promise.all([...keys, kept].map(async (key) => (await storage.head(key)) !== undefined))).toEqual([false, false, true])
  })

  it('that is not there is told apart from a storage that is not', async () => {
    expect(await storage.head(aKey())).toBeUndefined()
    await expect(storage.read(aKey())).rejects.toEqual(new StorageRefusal('no_object'))
    await expect(storage.copy(aKey(), aKey(), { contentType: png })).rejects.toEqual(new StorageRefusal('no_object'))
  })
})

describe('a list', () => {
  it('has everything under a prefix, in order, over more than a page, from where it is asked for', async () => {
    const under = `list-${randomBytes(4).toString('hex')}/`
    const keys = Array.from({ length: 1100 }, (_, index) => `${under}${String(index).padStart(5, '0')}`)
    for (let from = 0; from < keys.length; from += 50) {
      await Promise.all(keys.slice(from, from + 50).map((key) => written(Buffer.from('x'), key)))
    }
    const found = await all(storage.list(under))
    expect(found.map(({ key }) => key)).toEqual(keys)
    expect(found[0]).toEqual({ key: keys[0], size: 1, modifiedAt: expect.any(Date) })
    expect((await all(storage.list(under, keys[1090]))).map(({ key }) => key)).toEqual(keys.slice(1091))
    expect(await all(storage.list('nothing/'))).toEqual([])
    await storage.remove(keys)
  })
})

describe('an upload in parts', { timeout: 60_000 }, () => {
  const mebibyte = 1024 * 1024

  it('of 150 MB arrives whole, part by part, in any order', async () => {
    const [partSize, count] = [50 * mebibyte, 3]
    const key = aKey('pending')
    const { uploadId } = await storage.beginMultipart({ key, contentType: 'video/mp4' })
    const contents = Array.from({ length: count }, (_, index) => new Uint8Array(partSize).fill(index + 1))
    const parts: { number: number; etag: string }[] = []
    for (const number of [3, 1, 2]) {
      const request = await storage.presignPart({ key, uploadId, number, size: partSize })
      const answer = await send(request, contents[number - 1] ?? new Uint8Array())
      expect(answer.status).toBe(200)
      parts.push({ number, etag: answer.headers.get('etag') ?? '' })
    }
    await storage.completeMultipart({ key, uploadId, parts: parts.toSorted((one, other) => one.number - other.number) })
    expect(await storage.head(key)).toEqual({ size: partSize * count, contentType: 'video/mp4' })
    for (const edge of [0, partSize - 1, partSize, 2 * partSize, count * partSize - 1]) {
      const [byte] = await buffer(await storage.read(key, { start: edge, end: edge }))
      expect([edge, byte]).toEqual([edge, Math.floor(edge / partSize) + 1])
    }
    await storage.remove([key])
  })

  const begun = async () => {
    const key = aKey('pending')
    const { uploadId } = await storage.beginMultipart({ key, contentType: png })
    const bytes = new Uint8Array(randomBytes(1000))
    const put = async (number: number) => {
      const answer = await send(await storage.presignPart({ key, uploadId, number, size: bytes.length }), bytes)
      return { number, etag: answer.headers.get('etag') ?? '' }
    }
    return { key, uploadId, bytes, put }
  }

  it('takes a part of exactly the size it was signed for', async () => {
    const { key, uploadId } = await begun()
    const request = await storage.presignPart({ key, uploadId, number: 1, size: 1000 })
    expect((await send(request, new Uint8Array(1001))).status).toBe(403)
    expect((await send(request, new Uint8Array(999))).status).toBe(403)
    expect((await send(request, new Uint8Array(1000), { url: request.url.replace('partNumber=1', 'partNumber=2') })).status).toBe(403)
    expect((await send(request, new Uint8Array(1000))).status).toBe(200)
  })

  it('is refused with wrong parts, none, or in the wrong order, and can be completed after that, twice', async () => {
    const { key, uploadId, put } = await begun()
    const part = await put(1)
    const complete = (parts: { number: number; etag: string }[]) => storage.completeMultipart({ key, uploadId, parts })
    for (const parts of [
      [],
      [{ number: 1, etag: '"0123456789abcdef0123456789abcdef"' }],
      [part, { number: 2, etag: part.etag }],
      [{ number: 2, etag: part.etag }, part],
      [{ number: 1, etag: '</ETag><x>&' }],
      [{ number: 1_000_000, etag: part.etag }],
    ]) {
      await expect(complete(parts)).rejects.toEqual(new StorageRefusal('wrong_parts'))
    }
    await complete([part])
    await complete([part])
    expect(await storage.head(key)).toMatchObject({ size: 1000 })
  })

  it('is listed while it is under way, and is gone with its parts once aborted, however often', async () => {
    const { key, uploadId, bytes, put } = await begun()
    const part = await put(1)
    expect(await all(storage.multiparts())).toContainEqual({ key, uploadId, begunAt: expect.any(Date) })
    await storage.abortMultipart({ key, uploadId })
    await storage.abortMultipart({ key, uploadId })
    expect((await all(storage.multiparts())).map((each) => each.key)).not.toContain(key)
    await expect(storage.completeMultipart({ key, uploadId, parts: [part] })).rejects.toThrow(/no_upload|InternalError/) // the latter is Ceph's
    expect((await send(await storage.presignPart({ key, uploadId, number: 2, size: 1000 }), bytes)).status).toBe(404)
    expect(await storage.head(key)).toBeUndefined()
  })
})
