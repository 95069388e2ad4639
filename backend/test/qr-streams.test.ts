import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { ChallengeStream } from '../src/features/qr-login/challenge-stream.js'
import { afterwards, aNeighbour, anApp, deadline } from './support/listening.js'
import { aPerson, type Person } from './support/people.js'
import { anApproved, approve, aQrBrowser, aScanned, deny, letExpire, type QrBrowser, scan, wrong } from './support/qr.js'
import { SseClient } from './support/sse-client.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'
import { aDatabase, startTestApp, type TestApp } from './support/test-app.js'

const environment = { MONGO_URI: aDatabase(), JWT_SECRET: 'the same secret for both workers, long enough' }
/** Nothing is told by looking now and then: only by what another worker says. */
const byHintsAlone = { qr: { lookEvery: 600_000 } }
let app: TestApp
let neighbour: TestApp
let ann: Person
beforeAll(async () => {
  ;[app, neighbour] = await Promise.all([startTestApp(environment, byHintsAlone), startTestApp(environment, byHintsAlone)])
  ann = await aPerson(app)
  await vi.waitUntil(() => neighbour.context.hub.hearing !== undefined, deadline)
})
afterAll(async () => {
  await Promise.all([app.close(), neighbour.close()])
})

const names = (stream: SseClient): string[] => stream.events.map(({ event }) => event)
const isTold = (stream: SseClient, name: string) => stream.waitFor(({ event }) => event === name, 30_000)
/** Begun here; its stream is at the other worker. */
const aListeningBrowser = async (): Promise<{ browser: QrBrowser; stream: SseClient }> => {
  const browser = await aQrBrowser(app)
  const stream = await browser.listen(neighbour)
  await isTold(stream, 'qr.pending')
  return { browser, stream }
}

describe('a waiting browser', () => {
  it('hears from another worker who has scanned, and that they approved; then its stream ends', async () => {
    const { browser, stream } = await aListeningBrowser()
    await scan(ann, browser).expect(200)
    const scanned = await isTold(stream, 'qr.scanned')
    expect(scanned.data).toEqual({ type: 'qr.scanned', at: expect.any(String), name: 'Ann' })
    await approve(ann, browser).expect(204)
    await stream.ended
    expect(names(stream)).toEqual(['qr.pending', 'qr.scanned', 'qr.approved'])
    expect((await browser.exchange(browser.verifier, neighbour).expect(200)).body.user.id).toBe(ann.id)
  })

  it.each<[string, (browser: QrBrowser) => Promise<unknown>]>([
    ['that a wrong number was chosen', async (browser) => approve(ann, { id: browser.id, code: wrong(browser) }).expect(403)],
    ['that its person was denied', async (browser) => deny(ann, browser).expect(204)],
    ['that a second phone has scanned', async (browser) => scan(await aPerson(app), browser).expect(409)],
  ])('hears from another worker %s', async (_name, act) => {
    const { browser, stream } = await aListeningBrowser()
    await scan(ann, browser).expect(200)
    await act(browser)
    await stream.ended
    expect(names(stream).at(-1)).toBe('qr.denied')
  })

  it.each<[string, () => Promise<QrBrowser>, string]>([
    ['scanned', () => aScanned(app, ann), 'qr.scanned'],
    ['approved', () => anApproved(app, ann), 'qr.approved'],
    [
      'denied',
      async () => {
        const browser = await aScanned(app, ann)
        await deny(ann, browser).expect(204)
        return browser
      },
      'qr.denied',
    ],
    [
      'expired',
      async () => {
        const browser = await aQrBrowser(app)
        await letExpire(app, browser)
        return browser
      },
      'qr.expired',
    ],
    [
      'used',
      async () => {
        const browser = await anApproved(app, ann)
        await browser.exchange().expect(200)
        return browser
      },
      'qr.used',
    ],
  ])('that comes when it was %s is told so first', async (status, made, name) => {
    const stream = await (await made()).listen(neighbour)
    expect((await stream.waitFor(() => true, 30_000)).event).toBe(name)
    if (status !== 'scanned') await stream.ended
    expect(names(stream)).toEqual([name])
  })

  it('may give its verifier in the query, as an EventSource must', async () => {
    const { id, verifier } = await aQrBrowser(app)
    const stream = await SseClient.open(`${neighbour.url}/api/v1/auth/qr/${id}/events?verifier=${verifier}`)
    afterwards(() => stream.close())
    await isTold(stream, 'qr.pending')
  })

  it('that opens a fourth stream for one picture loses the first', async () => {
    const { browser, stream } = await aListeningBrowser()
    for (let n = 0; n < 3; n++) await isTold(await browser.listen(neighbour), 'qr.pending')
    await stream.ended
    expect(names(stream)).toEqual(['qr.pending'])
  })

  it('that has gone is forgotten', async () => {
    const { stream } = await aListeningBrowser()
    const before = neighbour.context.qrWatch.streamCount
    await stream.close()
    await expect.poll(() => neighbour.context.qrWatch.streamCount, deadline).toBe(before - 1)
  })
})

it('a browser that goes before its stream begins leaves nothing behind', async () => {
  const { id, verifier } = await aQrBrowser(app)
  const { qrBrowser, qrWatch } = app.context
  const before = qrWatch.streamCount
  const socket = new Socket()
  const opened = new Promise<void>((resolve, reject) => {
    const server = createServer((_request, response) => {
      response.once('close', () => void qrBrowser.openStream(id, verifier, response).then(resolve, reject))
      socket.resetAndDestroy()
    }).listen(0, '127.0.0.1', () => {
      socket.connect((server.address() as AddressInfo).port, '127.0.0.1').write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    })
    afterwards(() => server.close())
  })
  await opened
  expect(qrWatch.streamCount).toBe(before)
})

describe('looking now and then', () => {
  it('finds what has expired, and ends the stream', async () => {
    const worker = await anApp({}, { qr: { lookEvery: 50 } })
    const browser = await aQrBrowser(worker)
    const stream = await browser.listen()
    await isTold(stream, 'qr.pending')
    await letExpire(worker, browser)
    await stream.ended
    expect(names(stream)).toEqual(['qr.pending', 'qr.expired'])
  })

  it('finds what was done while this worker could not hear of it', async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    afterwards(() => proxy.close())
    const deaf = await aNeighbour(app, { REDIS_URL: through(inject('redisUrl'), proxy) }, { qr: { lookEvery: 50 } })
    const browser = await aQrBrowser(app)
    const stream = await browser.listen(deaf)
    await isTold(stream, 'qr.pending')
    proxy.cut()
    await expect.poll(() => deaf.context.redisReady(), deadline).toBe(false)
    await scan(ann, browser).expect(200)
    await approve(ann, browser).expect(204)
    await stream.ended
    expect(names(stream).at(-1)).toBe('qr.approved')
  })
})

it('a single process needs no Redis', async () => {
  const alone = await anApp({ REDIS_URL: '' }, byHintsAlone)
  const [phone, browser] = [await aPerson(alone), await aQrBrowser(alone)]
  const stream = await browser.listen()
  await isTold(stream, 'qr.pending')
  await scan(phone, browser).expect(200)
  await isTold(stream, 'qr.scanned')
  await approve(phone, browser).expect(204)
  await stream.ended
  expect(names(stream)).toEqual(['qr.pending', 'qr.scanned', 'qr.approved'])
  await browser.exchange().expect(200)
})

it('a worker that stops tells its browsers when to come back, and takes no others', async () => {
  const worker = await aNeighbour(app)
  const browser = await aQrBrowser(worker)
  const stream = await browser.listen()
  await isTold(stream, 'qr.pending')
  worker.context.hub.drain()
  await stream.ended
  expect(stream.events.at(-1)).toMatchObject({ event: 'server.draining', data: { reconnectInMs: expect.any(Number) } })
  await expect(browser.listen()).rejects.toThrow('503')
})

it('streams are limited per address', async () => {
  const strict = await anApp({ LIMIT_QR: '3/h' })
  const browser = await aQrBrowser(strict)
  await isTold(await browser.listen(), 'qr.pending')
  await isTold(await browser.listen(), 'qr.pending')
  await expect(browser.listen()).rejects.toThrow('429')
})

it('a stream never goes back to what was read before', async () => {
  const server = createServer((_request, response) => {
    const stream = new ChallengeStream(response)
    stream.open()
    for (const status of ['scanned', 'pending', 'scanned', 'approved', 'denied'] as const) stream.tell({ status, name: 'Ann' })
  }).listen(0, '127.0.0.1')
  afterwards(() => server.close())
  await once(server, 'listening')
  const stream = await SseClient.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await stream.ended
  expect(names(stream)).toEqual(['qr.scanned', 'qr.approved'])
})
