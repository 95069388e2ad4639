import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { createScanner } from '../src/platform/content/scanner/scanner.js'
import { type Clamd, clamdMostBytes, eicar, startClamd } from './support/clamd.js'
import { aSource } from './support/sources.js'

const scannerAt = (at: { path: string } | { host: string; port: number }, more: { timeoutMs?: number; mostBytes?: number } = {}) => {
  const scanner = createScanner({ at, timeoutMs: 30_000, mostBytes: 10 * clamdMostBytes, ...more })
  if (!scanner) throw new Error('no scanner')
  return scanner
}
const file = (bytes: Uint8Array | string) => aSource(bytes, 'application/octet-stream')

describe('a scanner', () => {
  let clamd: Clamd
  beforeAll(async () => {
    clamd = await startClamd()
  })
  afterAll(() => clamd.stop())

  it('is none where none is set', () => {
    expect(createScanner(undefined)).toBeUndefined()
  })

  it('lets pass what is harmless, and finds what is not, by socket and by port', async () => {
    for (const at of [{ path: clamd.path }, { host: '127.0.0.1', port: clamd.port }]) {
      const scanner = scannerAt(at)
      await scanner.check()
      await scanner.scan(file('hello'))
      await scanner.scan(file(Buffer.alloc(clamdMostBytes - 1)))
      await expect(scanner.scan(file(eicar))).rejects.toMatchObject({
        name: 'ContentRefusal',
        reason: 'infected',
        detail: expect.stringContaining('Test.Eicar'),
      })
    }
  })

  it('finds what comes in two pieces, behind a lot else', async () => {
    const scanner = scannerAt({ path: clamd.path })
    const pieces = [Buffer.alloc(500_000), Buffer.from(eicar.slice(0, 20)), Buffer.alloc(0), Buffer.from(eicar.slice(20))]
    const size = pieces.reduce((sum, { length }) => sum + length, 0)
    const source = { size, contentType: 'text/plain', read: async () => Readable.from(pieces) }
    await expect(scanner.scan(source)).rejects.toMatchObject({ reason: 'infected' })
  })

  it('looks through many at once, and tells each its own', async () => {
    const scanner = scannerAt({ path: clamd.path })
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, (_, at) => scanner.scan(file(at % 2 ? eicar : 'hello'))))
    expect(outcomes.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, (_, at) => (at % 2 ? 'rejected' : 'fulfilled')))
  })

  it('refuses what it does not look through, and never calls it clean', async () => {
    const large = file(Buffer.alloc(5 * clamdMostBytes))
    // What clamd says while it is still being told may be lost with the connection, which it closes.
    const refusedOrNotAnswered = { name: expect.stringMatching(/^Content(Refusal|Unavailable)$/) }
    await expect(scannerAt({ path: clamd.path }).scan(large)).rejects.toMatchObject(refusedOrNotAnswered)
    const asked = { ...large, read: () => Promise.reject(new Error('was read')) }
    await expect(scannerAt({ path: clamd.path }, { mostBytes: 1000 }).scan(asked)).rejects.toMatchObject({ reason: 'too_large' })
  })

  it('never calls clean what it did not get whole', async () => {
    const scanner = scannerAt({ path: clamd.path })
    await expect(scanner.scan({ ...file('hello'), size: 6 })).rejects.toMatchObject({ name: 'ContentUnavailable' })
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('hello')
        throw new Error('the storage is away')
      })(),
    )
    await expect(scanner.scan({ ...file('hello'), read: async () => broken })).rejects.toThrow('the storage is away')
  })
})

describe('a scanner that is not there', () => {
  const open: Server[] = []
  const sockets: Socket[] = []
  afterAll(async () => {
    for (const socket of sockets) socket.destroy()
    await Promise.all(open.map((server) => new Promise((resolve) => server.close(resolve))))
  })

  /** Listens in place of clamd. */
  const inItsPlace = async (answer: (socket: Socket) => void) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      sockets.push(socket)
      answer(socket)
    })
    open.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return { host: '127.0.0.1', port: address.port }
  }

  it('says nothing of the file: it is to come again', async () => {
    for (const at of [{ path: '/nowhere/clamd.socket' }, { host: '127.0.0.1', port: await freePort() }]) {
      await expect(scannerAt(at).scan(file('hello'))).rejects.toMatchObject({ name: 'ContentUnavailable' })
      await expect(scannerAt(at).check()).rejects.toMatchObject({ name: 'ContentUnavailable' })
    }
  })

  it.each([
    ['hangs up', (socket: Socket) => void socket.destroy()],
    ['hangs up in the middle of its answer', (socket: Socket) => void socket.end('stream: OK')],
    ['answers that it could not', (socket: Socket) => void socket.end('stream: Can not open file ERROR\0')],
    ['answers something that ends as clean does', (socket: Socket) => void socket.end('stream: not OK\0')],
    ['answers without end', (socket: Socket) => void socket.end('a'.repeat(10_000))],
  ])('says nothing of the file where it %s', async (_what, answer) => {
    const scanner = scannerAt(await inItsPlace(answer))
    await expect(scanner.scan(file('hello'))).rejects.toMatchObject({ name: 'ContentUnavailable' })
    await expect(scanner.check()).rejects.toMatchObject({ name: 'ContentUnavailable' })
  })

  it('refuses what clamd says is too large', async () => {
    const told = 'zINSTREAM\0'.length + 4 + 'hello'.length + 4 // each chunk behind its length, the last one empty
    const at = await inItsPlace((socket) => {
      let heard = 0
      socket.on('data', ({ length }) => {
        heard += length
        if (heard === told) socket.end('INSTREAM size limit exceeded. ERROR\0')
      })
    })
    await expect(scannerAt(at).scan(file('hello'))).rejects.toMatchObject({ name: 'ContentRefusal', reason: 'too_large' })
  })

  it('says nothing of the file where it takes nothing, or never answers, and lets go of both sides', async () => {
    const before = sockets.length
    const silent = await inItsPlace((socket) => void socket.pause())
    const hearing = await inItsPlace((socket) => void socket.resume())
    const large = Buffer.alloc(8_000_000)
    for (const at of [silent, hearing]) {
      const bytes = Readable.from([large.subarray(0, 4_000_000), large.subarray(4_000_000)], { objectMode: false })
      const source = { ...file(large), read: async () => bytes }
      await expect(scannerAt(at, { timeoutMs: 200 }).scan(source)).rejects.toMatchObject({ name: 'ContentUnavailable' })
      expect(bytes.destroyed).toBe(true)
    }
    const own = sockets.slice(before)
    expect(own).toHaveLength(2)
    for (const socket of own) socket.resume()
    await expect.poll(() => own.every((socket) => socket.destroyed)).toBe(true)
  })

  it('does not wait for a storage that falls silent', async () => {
    const scanner = scannerAt(await inItsPlace((socket) => void socket.resume()), { timeoutMs: 200 })
    const bytes = new Readable({ read: () => undefined })
    await expect(scanner.scan({ ...file('hello'), read: async () => bytes })).rejects.toMatchObject({ name: 'ContentUnavailable' })
    expect(bytes.destroyed).toBe(true)
  })
})
