import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteRangeOf } from '../src/features/local-files/byte-range.js'
import type { LocalStorage } from '../src/platform/storage/local-storage.js'
import { finalKey, png, storageIn } from './support/local-storage.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let storage: LocalStorage
beforeAll(async () => {
  app = await startTestApp()
  storage = storageIn(app.uploads, [app.secret], {}, app.url)
})
afterAll(() => app.close())

const content = randomBytes(200_000)
const aFile = async (as: { fileName?: string; contentType?: string; inline?: boolean } = {}, bytes: Buffer = content, at = storage) => {
  const key = finalKey()
  const { contentType = png } = as
  await storage.write(key, bytes, { size: bytes.length, contentType })
  const { url } = await at.presignGet(key, { fileName: 'x.png', inline: true, ...as, contentType })
  return { key, url }
}
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer())
const ask = (url: string, headers: Record<string, string>, method = 'GET') => fetch(url, { method, headers })

describe('a signed GET of the API', () => {
  it('answers the bytes, with the name and the type it was signed for, and as nothing that runs', async () => {
    const { url } = await aFile({ fileName: 'Größe "x".svg', contentType: 'image/svg+xml' })
    const answer = await fetch(url)
    expect(answer.status).toBe(200)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'image/svg+xml',
      'content-length': '200000',
      'content-disposition': `attachment; filename="Gr__e _x_.svg"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%22x%22.svg`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringMatching(/default-src 'none'.*; sandbox$/),
      'cross-origin-resource-policy': 'cross-origin',
      'accept-ranges': 'bytes',
    })
    expect(content.equals(await bytesOf(answer))).toBe(true)
  })

  it('may be kept by the browser alone, for as long as it is good', async () => {
    const { url } = await aFile()
    const [, seconds] = /^private, max-age=(\d+)$/.exec((await fetch(url)).headers.get('cache-control') ?? '') ?? []
    expect(Number(seconds)).toBeGreaterThan(800)
    expect(Number(seconds)).toBeLessThanOrEqual(900)
  })

  it('answers nothing of an empty file, and no body to HEAD', async () => {
    const { url } = await aFile({}, Buffer.alloc(0))
    const answer = await fetch(url)
    expect([answer.status, answer.headers.get('content-length'), (await bytesOf(answer)).length]).toEqual([200, '0', 0])
    const head = await ask((await aFile()).url, {}, 'HEAD')
    expect([head.status, head.headers.get('content-length'), (await bytesOf(head)).length]).toEqual([200, '200000', 0])
  })

  it('cannot be changed', async () => {
    const { url } = await aFile()
    for (const [what, other] of [
      [/image%2Fpng/, 'text%2Fhtml'],
      [/disposition=[^&]+/, 'disposition=inline'],
      [/final\.[0-9a-f]{24}/, finalKey().replaceAll('/', '.').replace('.original', '')],
      [/\.original/, '.thumbnail'],
      [/expires=\d+/, 'expires=99999999999'],
    ] as const) {
      expect(url).toMatch(what)
      expect([what, (await fetch(url.replace(what, other))).status]).toEqual([what, 403])
    }
    expect((await fetch(url)).status).toBe(200)
  })

  it('is refused once it has expired', async () => {
    const { url } = await aFile({}, content, storageIn(app.uploads, [app.secret], { downloadTtlSeconds: 0 }, app.url))
    expect((await fetch(url)).status).toBe(403)
  })

  it('answers 404 once the file is gone', async () => {
    const { key, url } = await aFile()
    await storage.remove([key])
    expect((await fetch(url)).status).toBe(404)
  })

  it.each([
    ['bytes=0-9', 0, 9],
    ['bytes=199990-', 199_990, 199_999],
    ['bytes=-5', 199_995, 199_999],
    ['bytes=199999-900000', 199_999, 199_999],
    ['bytes=-900000', 0, 199_999],
  ])('answers the range %s', async (range, start, end) => {
    const { url } = await aFile()
    const answer = await ask(url, { range })
    expect([answer.status, answer.headers.get('content-range')]).toEqual([206, `bytes ${start}-${end}/200000`])
    expect(answer.headers.get('content-length')).toBe(String(end - start + 1))
    expect(content.subarray(start, end + 1).equals(await bytesOf(answer))).toBe(true)
  })

  it.each(['bytes=200000-', 'bytes=200000-200005', 'bytes=-0'])('refuses the range %s', async (range) => {
    const { url } = await aFile()
    const answer = await ask(url, { range })
    expect([answer.status, answer.headers.get('content-range')]).toEqual([416, 'bytes */200000'])
    expect(await answer.json()).toMatchObject({ code: 'range_not_satisfiable' })
  })

  it.each(['bytes=0-1,5-6', 'bytes=5-1', 'bytes=-', 'bytes=a-b', 'lines=0-1', 'bytes=0x1-2'])('answers the whole to %s', async (range) => {
    const { url } = await aFile()
    const answer = await ask(url, { range })
    expect([answer.status, (await bytesOf(answer)).length]).toEqual([200, 200_000])
  })

  it('goes on with a range only where the file is still the same', async () => {
    const { url } = await aFile()
    const etag = (await ask(url, {}, 'HEAD')).headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[\w-]{43}"$/)
    expect((await ask(url, { range: 'bytes=5-', 'if-range': etag })).status).toBe(206)
    expect((await ask(url, { range: 'bytes=5-', 'if-range': '"other"' })).status).toBe(200)
    expect((await ask(url, { range: 'bytes=5-', 'if-range': new Date().toUTCString() })).status).toBe(200)
    const known = await ask(url, { 'if-none-match': `"other", W/${etag}` })
    expect([known.status, (await bytesOf(known)).length]).toEqual([304, 0])
    expect((await ask(url, { 'if-none-match': '"other"' })).status).toBe(200)
  })

  it('that is broken off closes its file', async () => {
    const { url } = await aFile({}, Buffer.alloc(20_000_000))
    const open = async () =>
      (await import('node:fs/promises')).readdir('/proc/self/fd').then(
        (all) => all.length,
        () => 0,
      )
    const before = await open()
    for (let time = 0; time < 20; time++) {
      const answer = await fetch(url)
      await answer.body?.cancel()
    }
    await expect.poll(open).toBeLessThan(before + 15)
    expect((await fetch(url)).status).toBe(200)
  })
})

describe('a range', () => {
  it('of nothing is not satisfiable', () => {
    expect([byteRangeOf('bytes=0-', 0), byteRangeOf('bytes=-1', 0), byteRangeOf(undefined, 0)]).toEqual([
      'unsatisfiable',
      'unsatisfiable',
      undefined,
    ])
  })
})
