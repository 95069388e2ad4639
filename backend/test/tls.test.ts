import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../src/realtime/catalogue.js'
import { afterwards } from './support/listening.js'
import { aDirectConversation, aPerson } from './support/people.js'
import { aDatabase } from './support/test-app.js'
import { aTlsApp, overTls, portOf, TlsWorld } from './support/tls.js'

const tls = TlsWorld.forThisFile()

describe('the server with a certificate', () => {
  it('speaks TLS, and says that it is to be kept', async () => {
    const { app } = await aTlsApp(overTls(tls.good))
    const { statusCode, headers } = await tls.client(app.url).request({ method: 'GET', path: '/health/live' })
    expect([statusCode, headers['strict-transport-security']]).toEqual([200, 'max-age=31536000; includeSubDomains'])
    await expect(fetch(app.url.replace('https', 'http'))).rejects.toThrow()
  })

  it('tells streams at once', async () => {
    const { beside, app } = await aTlsApp(overTls(tls.good))
    const { ann, bob, conversation } = await aDirectConversation(beside)
    const stream = await tls.aStream(app, bob)
    await ann.send(conversation.id, { text: 'over TLS' }).expect(201)
    await stream.waitFor(({ event }) => event === 'message.created', 30_000)
  })

  it('cuts off a stream whose client does not read', async () => {
    const { beside, app } = await aTlsApp(overTls(tls.good))
    const { bob, conversation } = await aDirectConversation(beside)
    const socket = connectTls({ port: portOf(app), host: '127.0.0.1', ca: readFileSync(tls.authority) })
    afterwards(() => socket.destroy())
    let said = ''
    socket.on('error', () => undefined).on('data', (chunk: Buffer) => (said += chunk.toString()))
    socket.write(`GET /sse HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bob.accessToken}\r\n\r\n`)
    await expect.poll(() => said).toContain('event: resume')
    socket.pause()
    const channel = `conversation:${conversation.id}` as const
    await beside.context.log.setBase(channel, 0)
    const filler = 'x'.repeat(32 * 1024)
    for (let n = 0; n < 1024 && app.context.hub.slowDisconnects === 0; n++) {
      // 32 MiB: more than the system keeps for a connection
      await beside.context.log.append({ channel, eventId: randomUUID(), frame: encodeFrame('message.created', { n, filler }), seq: n + 1 })
    }
    await expect.poll(() => app.context.hub.slowDisconnects).toBe(1)
  })

  it('is told to go by draining, and its streams with it', async () => {
    const { beside, app } = await aTlsApp(overTls(tls.good))
    const stream = await tls.aStream(app, await aPerson(beside))
    app.context.hub.drain()
    await stream.waitFor(({ event }) => event === 'server.draining', 30_000)
    await stream.ended
  })
})

it('the server as a process speaks TLS, redirects, and ends when it is told to', async () => {
  const environment = {
    ...overTls(tls.good),
    PORT: '0',
    HTTP_REDIRECT_PORT: '0',
    MONGO_URI: aDatabase(),
    JWT_SECRET: randomBytes(48).toString('base64'),
  }
  const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url))
  const child = spawn(process.execPath, [entry], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
  afterwards(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  let listening: { port: number; redirectPort: number; tls: boolean } | undefined
  for await (const line of createInterface(child.stdout)) {
    const entryOfLog = JSON.parse(line)
    if (entryOfLog.msg !== 'listening') continue
    listening = entryOfLog
    break
  }
  expect(listening?.tls).toBe(true)
  const url = `https://127.0.0.1:${listening?.port}`
  expect((await tls.client(url).request({ method: 'GET', path: '/health/live' })).statusCode).toBe(200)
  const redirected = await fetch(`http://127.0.0.1:${listening?.redirectPort}/health/live`, { redirect: 'manual' })
  expect(redirected.headers.get('location')).toBe(`${url}/health/live`)
  child.stdout.resume()
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
}, 40_000)
