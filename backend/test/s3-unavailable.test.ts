import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { S3Storage } from '../src/platform/storage/s3-storage.js'
import { StorageUnavailable } from '../src/platform/storage/storage.js'
import { aBucket, type Bucket, s3Access } from './support/s3.js'
import { TcpProxy, targetOf } from './support/tcp-proxy.js'

const deadlineMs = 1000
/** A deadline may be late on a busy machine; one that is not there is never over. */
const lateMs = 10_000

let bucket: Bucket
let proxy: TcpProxy
let storage: S3Storage
/** In no hurry, and not by the proxy: what is read is written by it. */
let writer: S3Storage
beforeAll(async () => {
  bucket = await aBucket()
  writer = new S3Storage(bucket.settings)
})
beforeEach(async () => {
  proxy = await TcpProxy.open(targetOf(s3Access().endpoint))
  storage = new S3Storage(bucket.through(proxy).settings, { deadlineMs, longDeadlineMs: deadlineMs })
})
afterEach(async () => {
  proxy.flow()
  await storage.close()
  await proxy.close()
})
afterAll(async () => {
  await writer.close()
  await bucket.remove()
})

const key = 'final/0123456789abcdef01234567/original'
const size = 1000
const contentType = 'image/png'
const parts = [{ number: 1, etag: '"x"' }]
const firstOf = async (items: AsyncIterable<unknown>) => (await items[Symbol.asyncIterator]().next()).value
const calls: readonly [string, (storage: S3Storage) => Promise<unknown>][] = [
  ['begin a multipart', (storage) => storage.beginMultipart({ key, contentType })],
  ['complete a multipart', (storage) => storage.completeMultipart({ key, uploadId: 'x', parts })],
  ['abort a multipart', (storage) => storage.abortMultipart({ key, uploadId: 'x' })],
  ['head', (storage) => storage.head(key)],
  ['read', (storage) => storage.read(key)],
  ['write bytes', (storage) => storage.write(key, randomBytes(size), { size, contentType })],
  ['write a stream', (storage) => storage.write(key, Readable.from([randomBytes(size)]), { size, contentType })],
  ['copy', (storage) => storage.copy(key, `${key}2`, { contentType })],
  ['remove', (storage) => storage.remove([key])],
  ['list', (storage) => firstOf(storage.list('final/'))],
  ['list multiparts', (storage) => firstOf(storage.multiparts())],
  ['check', (storage) => storage.check()],
  ['look for faults', (storage) => storage.faults()],
]

describe('S3 that is away', () => {
  it.each(calls)('is told as such by: %s', async (_name, call) => {
    proxy.cut()
    await expect(call(storage)).rejects.toBeInstanceOf(StorageUnavailable)
  })

  it('is asked again by the same storage once it is back', async () => {
    proxy.cut()
    await expect(storage.check()).rejects.toBeInstanceOf(StorageUnavailable)
    proxy.restore()
    await expect(storage.check()).resolves.toBeUndefined()
  })

  it('needs not be there for a signature', async () => {
    proxy.cut()
    await expect(storage.presignPut({ key, size, contentType, sha256: 'x' })).resolves.toMatchObject({ method: 'PUT' })
    await expect(storage.presignGet(key, { fileName: 'x', contentType, inline: true })).resolves.toBeDefined()
  })

  it('that refuses the keys, or has no such bucket, is unavailable too, and no key is told', async () => {
    const other = new S3Storage({ ...bucket.settings, bucket: 'no-such-bucket-here' })
    await expect(other.write(key, Buffer.from('x'), { size: 1, contentType })).rejects.toBeInstanceOf(StorageUnavailable)
    await expect(other.check()).rejects.toBeInstanceOf(StorageUnavailable)
    await other.close()
    const credentials = bucket.settings.credentials && { ...bucket.settings.credentials, accessKeyId: 'AKIDNOBODY' }
    const stranger = new S3Storage({ ...bucket.settings, credentials })
    const error = await stranger.write(key, Buffer.from('x'), { size: 1, contentType }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(StorageUnavailable)
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).toMatch(/InvalidAccessKeyId/)
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/AKIDNOBODY|Signature=/)
    await stranger.close()
  })
})

describe('S3 that does not answer', () => {
  it.each(calls)('is given up within the deadline by: %s', async (_name, call) => {
    proxy.silence()
    const before = performance.now()
    await expect(call(storage)).rejects.toBeInstanceOf(StorageUnavailable)
    expect(performance.now() - before).toBeLessThan(deadlineMs + lateMs)
  })

  it('in the middle of a body ends that body', async () => {
    const bytes = randomBytes(20_000_000)
    await writer.write(key, bytes, { size: bytes.length, contentType })
    const body = await storage.read(key)
    proxy.hang()
    await expect(buffer(body)).rejects.toBeInstanceOf(StorageUnavailable)
    proxy.flow()
    const broken = await storage.read(key)
    proxy.cut()
    await expect(buffer(broken)).rejects.toBeInstanceOf(StorageUnavailable)
  })

  it('is not what a slow reader is taken for', async () => {
    const bytes = randomBytes(5_000_000)
    await writer.write(key, bytes, { size: bytes.length, contentType })
    const body = await storage.read(key)
    const until = performance.now() + 2 * deadlineMs
    await expect.poll(() => performance.now() > until).toBe(true)
    expect((await buffer(body)).equals(bytes)).toBe(true)
  })
})
