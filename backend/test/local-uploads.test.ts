import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { SignedRequest } from '../src/platform/storage/storage.js'
import { aSecret, filesIn, finalKey, pendingKey, png, sha256Of, storageIn } from './support/local-storage.js'
import { rawPut } from './support/raw-put.js'
import { send } from './support/signed-request.js'
import { aSmallDisk } from './support/small-disk.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const origin = 'https://app.example.com'
let app: TestApp
beforeAll(async () => {
  app = await startTestApp({ CORS_ORIGIN: origin })
})
afterAll(() => app.close())

/** What another worker has: the same folder, the same secret. */
const storage = (timing?: Parameters<typeof storageIn>[2], secrets: [string, ...string[]] = [app.secret]) =>
  storageIn(app.uploads, secrets, timing, app.url)

/** A signed PUT of some bytes. */
const aPut = async (size = 1000, at = storage()) => {
  const bytes = new Uint8Array(randomBytes(size))
  const key = pendingKey()
  return { key, bytes, put: await at.presignPut({ key, size, contentType: png, sha256: sha256Of(bytes) }) }
}
const codeOf = async (answer: Response) => [answer.status, Reflect.get(Object(await answer.json()), 'code')]
/** A PUT that has begun, and what it is answered. */
const begunPut = (address: string, begun: Uint8Array) => {
  const { host, hostname, port, pathname, search, searchParams } = new URL(address)
  const size = searchParams.get('size') ?? ''
  const socket = connect(Number(port), hostname).on('error', () => undefined)
  let answer = ''
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString()
  })
  socket.write(`PUT ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${png}\r\nContent-Length: ${size}\r\n\r\n`)
  socket.write(begun)
  return { socket, answer: () => answer }
}
const nothingHalfDone = () => expect.poll(() => filesIn(join(app.uploads, 'temporary'))).toEqual([])

describe('a signed PUT to the API', () => {
  it('takes the bytes that it was signed for, whichever worker signed it', async () => {
    const { key, bytes, put } = await aPut(300_000)
    expect(put).toMatchObject({ method: 'PUT', headers: { 'content-length': '300000', 'content-type': png } })
    expect(put.expiresAt.getTime() - Date.now()).toBeGreaterThan(14 * 60_000)
    expect(put.expiresAt.getTime() - Date.now()).toBeLessThanOrEqual(15 * 60_000)
    const answer = await send(put, bytes)
    expect([answer.status, await answer.text()]).toEqual([200, ''])
    expect(await storage().head(key)).toEqual({ size: 300_000, contentType: png, sha256: sha256Of(bytes) })
    expect(await buffer(await storage().read(key))).toEqual(Buffer.from(bytes))
  })

  it('takes nothing at all where that is what was signed', async () => {
    const { key, bytes, put } = await aPut(0)
    expect((await send(put, bytes)).status).toBe(200)
    expect(await storage().head(key)).toMatchObject({ size: 0 })
  })

  it('carries when it expires and its signature in the query, and where a proxy is, its public address', async () => {
    const { put, key } = await aPut()
    const { pathname, searchParams } = new URL(put.url)
    expect(pathname).toBe(`/api/v1/uploads/local/${key.replace('/', '.')}`)
    expect(searchParams.get('expires')).toBe(String(put.expiresAt.getTime() / 1000))
    expect(searchParams.get('signature')).toMatch(/^[\w-]{43}$/)
  })

  it.each([
    ['one byte more', 1, [413, 'payload_too_large']],
    ['one byte less', -1, [400, 'validation_failed']],
  ])('refuses %s', async (_what, more, refusal) => {
    const { key, bytes, put } = await aPut()
    expect(await codeOf(await send(put, new Uint8Array(bytes.length + more)))).toEqual(refusal)
    expect(await storage().head(key)).toBeUndefined()
    await nothingHalfDone()
  })

  it.each([
    ['one byte more', 1, 413],
    ['one byte less', -1, 400],
  ])('refuses %s that come without a length', async (_what, more, status) => {
    const { key, bytes, put } = await aPut()
    const whole = Buffer.concat([bytes, Buffer.alloc(1)]).subarray(0, bytes.length + more)
    const answer = await rawPut(put.url, { 'content-type': png }, [whole.subarray(0, 500), whole.subarray(500)])
    expect(answer.status).toBe(status)
    expect(await storage().head(key)).toBeUndefined()
    await nothingHalfDone()
  })

  it('takes the right bytes without a length', async () => {
    const { key, bytes, put } = await aPut()
    expect((await rawPut(put.url, { 'content-type': png }, [bytes.subarray(0, 1), bytes.subarray(1)])).status).toBe(200)
    expect(await storage().head(key)).toMatchObject({ size: 1000 })
  })

  it('cuts off at once what is too long, and says why', async () => {
    const { key, put } = await aPut()
    let sent = 0
    const endless = function* () {
      for (; sent < 1 << 30; sent += 65_536) yield Buffer.alloc(65_536)
    }
    const answer = await rawPut(put.url, { 'content-type': png }, endless())
    expect([answer.status, JSON.parse(answer.body).detail]).toEqual([413, 'The body has more than the 1000 bytes that were said'])
    expect(sent).toBeLessThan(1 << 26)
    expect(await storage().head(key)).toBeUndefined()
    await nothingHalfDone()
  })

  it('refuses other bytes of the same length', async () => {
    const { key, bytes, put } = await aPut()
    bytes[999] = (bytes[999] ?? 0) ^ 1
    expect(await codeOf(await send(put, bytes))).toEqual([400, 'validation_failed'])
    expect(await storage().head(key)).toBeUndefined()
    await nothingHalfDone()
  })

  it('refuses another type', async () => {
    const { key, bytes, put } = await aPut()
    for (const type of ['text/html', 'image/png; charset=utf-8', '']) {
      expect([type, ...(await codeOf(await send(put, bytes, { headers: { 'content-type': type } })))]).toEqual([type, 403, 'forbidden'])
    }
    expect(await storage().head(key)).toBeUndefined()
  })

  const changes: readonly (readonly [string, (put: SignedRequest) => string])[] = [
    ['another key', ({ url }) => url.replace(/pending\.[0-9a-f]{24}/, pendingKey().replace('/', '.'))],
    ['a final key', ({ url }) => url.replace(/pending\.[0-9a-f]{24}/, finalKey().replaceAll('/', '.'))],
    ['another size', ({ url }) => url.replace('size=1000', 'size=1001')],
    ['another hash', ({ url }) => url.replace(/sha256=[^&]+/, `sha256=${encodeURIComponent(sha256Of(new Uint8Array(1)))}`)],
    ['a later end', ({ url }) => url.replace(/expires=(\d+)/, (_all, at: string) => `expires=${Number(at) + 60}`)],
    ['a changed signature', ({ url }) => url.replace(/signature=(.)/, (_all, first: string) => `signature=${first === 'A' ? 'B' : 'A'}`)],
  ]
  it.each(changes)('refuses %s', async (_what, change) => {
    const { key, bytes, put } = await aPut()
    expect(change(put)).not.toBe(put.url)
    expect(await codeOf(await send(put, bytes, { url: change(put) }))).toEqual([403, 'forbidden'])
    expect(await storage().head(key)).toBeUndefined()
    expect((await send(put, bytes)).status).toBe(200) // so it is the change that makes the difference
  })

  it.each(['size', 'sha256', 'expires', 'signature'])('refuses an address without %s', async (name) => {
    const { bytes, put } = await aPut()
    const url = new URL(put.url)
    url.searchParams.delete(name)
    expect(await codeOf(await send(put, bytes, { url: url.href }))).toEqual([400, 'validation_failed'])
  })

  it('is good for no other method', async () => {
    const { key, bytes, put } = await aPut()
    await send(put, bytes)
    const get = await fetch(put.url)
    expect(get.status).toBe(400)
    const { url } = await storage().presignGet(key, { fileName: 'x.png', contentType: png, inline: true })
    expect((await fetch(url, { method: 'PUT', body: bytes, headers: { 'content-type': png } })).status).toBe(400)
    const mixed = new URL(url)
    for (const name of ['expires', 'signature']) mixed.searchParams.set(name, new URL(put.url).searchParams.get(name) ?? '')
    expect(await codeOf(await fetch(mixed))).toEqual([403, 'forbidden'])
    for (const method of ['POST', 'PATCH', 'DELETE']) expect((await fetch(put.url, { method })).status).toBe(404)
  })

  it('is refused once it has expired', async () => {
    const { bytes, put } = await aPut(10, storage({ uploadTtlSeconds: -1 }))
    const answer = await send(put, bytes)
    expect([answer.status, await answer.json()]).toEqual([403, expect.objectContaining({ detail: expect.stringContaining('expired') })])
  })

  it('is refused where another server signed it, and taken where a former secret did', async () => {
    const former = aSecret()
    const rotated = await startTestApp({ JWT_PREVIOUS_SECRETS: former })
    const signedBy = async (secret: string) => aPut(10, storageIn(rotated.uploads, [secret], {}, rotated.url))
    const [foreign, old] = [await signedBy(aSecret()), await signedBy(former)]
    const statuses = [await send(foreign.put, foreign.bytes), await send(old.put, old.bytes)].map(({ status }) => status)
    await rotated.close()
    expect(statuses).toEqual([403, 200])
  })

  it('is refused twice, and what was there stays', async () => {
    const { key, bytes, put } = await aPut()
    expect((await send(put, bytes)).status).toBe(200)
    expect(await codeOf(await send(put, bytes))).toEqual([409, 'conflict'])
    expect(await storage().head(key)).toMatchObject({ size: 1000 })
  })

  it('leaves one whole object where it is made many times at once', async () => {
    const { key, bytes, put } = await aPut(500_000)
    const statuses = await Promise.all(Array.from({ length: 10 }, async () => (await send(put, bytes)).status))
    expect(statuses).toContain(200)
    expect(statuses.filter((status) => status !== 200 && status !== 409)).toEqual([])
    expect(await buffer(await storage().read(key))).toEqual(Buffer.from(bytes))
    await nothingHalfDone()
  })

  it('that is broken off leaves nothing, and can be made again', async () => {
    const { key, bytes, put } = await aPut(1_000_000)
    const { socket } = begunPut(put.url, bytes.subarray(0, 400_000))
    await expect.poll(() => filesIn(join(app.uploads, 'temporary'))).toHaveLength(1)
    socket.destroy()
    expect((await send(put, bytes)).status).toBe(200) // at once
    await nothingHalfDone()
    expect(await storage().head(key)).toMatchObject({ size: 1_000_000 })
  })

  it.each(['whole', 'as a part'])(
    'that is made many times at once, none to its end, is one file, and the others are refused: %s',
    async (how) => {
      const { key, bytes, put } = await aPut(100_000)
      const { uploadId } = await storage().beginMultipart({ key, contentType: png })
      const { url } = how === 'whole' ? put : await storage().presignPart({ key, uploadId, number: 1, size: bytes.length })
      const all = Array.from({ length: 20 }, () => begunPut(url, bytes.subarray(0, -1)))
      onTestFinished(() => all.forEach(({ socket }) => void socket.destroy()))
      const open = () => all.filter(({ socket }) => !socket.closed)
      await vi.waitUntil(() => open().length === 1, { timeout: 30_000 })
      expect(await filesIn(join(app.uploads, 'temporary'))).toHaveLength(1)
      const [left] = open()
      left?.socket.write(bytes.subarray(-1))
      await expect.poll(() => left?.answer()).toMatch(/^HTTP\/1.1 200 /)
      const refused = all.filter((each) => each !== left).map(({ answer }) => answer())
      for (const answer of refused) expect(answer).toMatch(/^HTTP\/1.1 409 [^]*retry-after: 5\r\n[^]*Another request is sending it/i)
      await nothingHalfDone()
    },
  )

  it('is taken soon after a connection broke that nobody has ended', async () => {
    const { key, bytes, put } = await aPut(100_000)
    const { socket } = begunPut(put.url, bytes.subarray(0, 50_000))
    onTestFinished(() => void socket.destroy())
    await expect.poll(() => filesIn(join(app.uploads, 'temporary'))).toHaveLength(1)
    await expect.poll(async () => (await send(put, bytes)).status, { timeout: 30_000 }).toBe(200)
    expect(await storage().head(key)).toMatchObject({ size: 100_000 })
    await vi.waitUntil(() => socket.closed)
  })

  it('that is refused before its body has come does not wait for it', async () => {
    const { put } = await aPut(1 << 29)
    const { host, hostname, port, pathname, search } = new URL(put.url)
    const socket = connect(Number(port), hostname)
    socket.write(`PUT ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${png}\r\nContent-Length: ${2 ** 30}\r\n\r\n`)
    const closed = new Promise<string>((resolve, reject) => {
      const chunks: Buffer[] = []
      socket.on('data', (chunk: Buffer) => chunks.push(chunk))
      socket.once('error', reject)
      socket.once('close', () => resolve(Buffer.concat(chunks).toString()))
    })
    expect(await closed).toMatch(/^HTTP\/1.1 413 /)
  })

  it('counts wrong signatures as a stranger, and nothing else', async () => {
    const limited = await startTestApp({ LIMIT_ANONYMOUS: '2/h' })
    const own = storageIn(limited.uploads, [limited.secret], {}, limited.url)
    for (let time = 0; time < 5; time++) {
      const { bytes, put } = await aPut(10, own)
      expect((await send(put, bytes)).status).toBe(200)
    }
    const { bytes, put } = await aPut(10, own)
    const wrong = put.url.replace('size=10', 'size=11')
    const statuses: number[] = []
    for (let time = 0; time < 3; time++) statuses.push((await send(put, bytes, { url: wrong })).status)
    expect(statuses).toEqual([403, 403, 429])
    expect((await send(put, bytes)).status).toBe(200)
    await limited.close()
  })

  it('may be made by the pages of the API’s origins, and by no others', async () => {
    const { put } = await aPut()
    const preflight = (from: string) =>
      fetch(put.url, {
        method: 'OPTIONS',
        headers: { origin: from, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'content-type' },
      })
    const { headers } = await preflight(origin)
    expect(headers.get('access-control-allow-origin')).toBe(origin)
    expect(headers.get('access-control-allow-methods')).toContain('PUT')
    expect(headers.get('access-control-allow-headers')).toContain('Content-Type')
    expect((await preflight('https://evil.example.com')).headers.get('access-control-allow-origin')).toBeNull()
  })

  it('is answered 503 where the folder fails, and can be made again', async () => {
    const broken = await startTestApp({ UPLOAD_DIR: '/proc/heliograph' })
    const { bytes, put } = await aPut(10, storageIn('/proc/heliograph', [broken.secret], {}, broken.url))
    const answer = await send(put, bytes)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^[1-9]/)])
    expect((await broken.request.get('/health')).body).toMatchObject({ status: 'degraded', checks: { storage: { status: 'unhealthy' } } })
    await broken.close()
  })

  it('is answered 503 where the disk is full, leaves nothing half done, and works once there is room', async () => {
    const disk = await aSmallDisk()
    const full = await startTestApp({ UPLOAD_DIR: disk })
    onTestFinished(() => full.close())
    const own = storageIn(disk, [full.secret], {}, full.url)
    const { key, bytes, put } = await aPut(600_000, own)
    const other = await aPut(600_000, own)
    expect((await send(other.put, other.bytes)).status).toBe(200)
    const answer = await send(put, bytes)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^[1-9]/)])
    expect(await codeOf(answer)).toEqual([503, 'service_unavailable'])
    await expect.poll(() => filesIn(join(disk, 'temporary'))).toEqual([])
    expect(await own.head(key)).toBeUndefined()
    await own.remove([other.key])
    expect((await send(put, bytes)).status).toBe(200)
    expect(await own.head(key)).toMatchObject({ size: 600_000 })
  })

  it('is not there where files are kept in S3', async () => {
    const elsewhere = await startTestApp({ AWS_S3_BUCKET: 'heliograph-uploads', AWS_S3_ENDPOINT: 'http://127.0.0.1:1' })
    const { bytes, put } = await aPut(10, storageIn(elsewhere.uploads, [elsewhere.secret], {}, elsewhere.url))
    expect(await codeOf(await send(put, bytes))).toEqual([404, 'not_found'])
    await elsewhere.close()
  })
})

describe('an upload in parts to the API', () => {
  it('arrives whole; each part answers its ETag, which pages may read', async () => {
    const key = pendingKey()
    const own = storage()
    const { uploadId } = await own.beginMultipart({ key, contentType: png })
    const bytes = [300_000, 200_000, 1].map((size) => new Uint8Array(randomBytes(size)))
    const parts = await Promise.all(
      bytes.map(async (each, index) => {
        const request = await own.presignPart({ key, uploadId, number: index + 1, size: each.length })
        const answer = await send(request, each, { headers: { origin } })
        expect(answer.headers.get('access-control-expose-headers')).toContain('ETag')
        return { number: index + 1, etag: answer.headers.get('etag') ?? '' }
      }),
    )
    await app.context.storage.completeMultipart({ key, uploadId, parts })
    expect(await buffer(await own.read(key))).toEqual(Buffer.concat(bytes))
  })

  it('takes a part of exactly the size, number and upload that it was signed for, until it is aborted', async () => {
    const key = pendingKey()
    const own = storage()
    const { uploadId } = await own.beginMultipart({ key, contentType: png })
    const request = await own.presignPart({ key, uploadId, number: 1, size: 1000 })
    const statusOf = async (size: number, url = request.url) => (await send(request, new Uint8Array(size), { url })).status
    expect(await statusOf(1001)).toBe(413)
    expect(await statusOf(999)).toBe(400)
    expect(await statusOf(1000, request.url.replace('/1?', '/2?'))).toBe(403)
    expect(await statusOf(1000, request.url.replace(uploadId, '0'.repeat(32)))).toBe(403)
    expect(await statusOf(1000, request.url.replace('/1?', '/0?'))).toBe(400)
    expect(await statusOf(1000, request.url.replace('/1?', '/10001?'))).toBe(400)
    expect([await statusOf(1000), await statusOf(1000)]).toEqual([200, 200])
    await own.abortMultipart({ key, uploadId })
    expect(await statusOf(1000)).toBe(404)
    await nothingHalfDone()
  })
})
