import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import express from 'express'
import { describe, expect, it, vi } from 'vitest'
import { ChallengeStream } from '../src/features/qr-login/challenge-stream.js'
import { HttpServer } from '../src/http/server.js'
import { afterwards, anApp, deadline } from './support/listening.js'
import { aPerson } from './support/people.js'
import { aQrBrowser } from './support/qr.js'
import { TlsWorld } from './support/tls.js'

const tls = TlsWorld.forThisFile()

/** Requests that are sent in one piece over one connection. */
const pipelined = (port: number, ...requests: string[]) => {
  const socket = connect(port, '127.0.0.1')
  afterwards(() => socket.destroy())
  const client = { said: '', socket, closed: once(socket, 'close') }
  socket.on('error', () => undefined).on('data', (chunk: Buffer) => (client.said += chunk.toString()))
  socket.write(requests.join(''))
  return client
}
const getting = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`

/** `/hold` is answered when the test says so, all else at once; by what was handled. */
const aServer = async (certificate?: { cert: string; key: string }) => {
  const handled: string[] = []
  const held: ServerResponse[] = []
  const app = express()
  app.get('/hold', (request, response) => {
    handled.push(request.path)
    held.push(response)
  })
  app.get('/file', (_request, response) => void setImmediate(() => response.end('all of it')))
  app.use(express.text(), (request, response) => {
    handled.push(request.path)
    response.end(`${request.path} ${typeof request.body === 'string' ? request.body : ''};`)
  })
  const server = new HttpServer(app, certificate)
  const port = await server.listen(0, '127.0.0.1')
  afterwards(() => server.drain(0))
  return { handled, held, port }
}

describe('a request that is sent before the one ahead of it is answered', () => {
  it('waits, and is answered after it, with its body', async () => {
    const { handled, held, port } = await aServer()
    const post = 'POST /second HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody'
    const client = pipelined(port, getting('/hold'), post)
    await vi.waitUntil(() => held.length === 1, deadline)
    await fetch(`http://127.0.0.1:${port}/meanwhile`)
    expect(handled).toEqual(['/hold', '/meanwhile'])
    held[0]?.end('first;')
    await vi.waitUntil(() => client.said.includes('body;'), deadline)
    expect(client.said.match(/\S+( body)?;/g)).toEqual(['first;', '/second body;'])
    client.socket.write(getting('/third'))
    await vi.waitUntil(() => client.said.includes('/third ;'), deadline)
  })

  it('is not handled where the client has gone meanwhile', async () => {
    const { handled, held, port } = await aServer()
    const client = pipelined(port, getting('/hold'), getting('/second'))
    await vi.waitUntil(() => held.length === 1, deadline)
    client.socket.destroy()
    await vi.waitUntil(() => held[0]?.closed, deadline)
    await fetch(`http://127.0.0.1:${port}/afterwards`)
    expect(handled).toEqual(['/hold', '/afterwards'])
  })

  it('ends the connection where another one waits already', async () => {
    const { handled, port } = await aServer()
    await pipelined(port, getting('/hold'), getting('/second'), getting('/third')).closed
    await fetch(`http://127.0.0.1:${port}/afterwards`)
    expect(handled).toEqual(['/hold', '/afterwards'])
  })
})

/** In a thread of its own: where client and server take turns, the next request never comes as soon as it may. */
const patientClient = `
  const { Agent, get } = require('node:https')
  const { parentPort, workerData } = require('node:worker_threads')
  const { count, ...where } = workerData
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const outcomes = {}
  const note = (outcome) => (outcomes[outcome] = (outcomes[outcome] ?? 0) + 1)
  const ports = new Set()
  const ask = () =>
    new Promise((resolve) => {
      get({ ...where, agent }, (response) => {
        ports.add(response.socket.localPort)
        response.resume().on('end', () => resolve(note(response.statusCode)))
      }).on('error', (error) => resolve(note(error.code)))
    })
  const askAll = async () => {
    for (let n = 0; n < count; n++) await ask()
    agent.destroy()
    parentPort.postMessage({ outcomes, connections: ports.size })
  }
  askAll()
`

it('a client that waits for each answer has all of them over one connection, over TLS too', async () => {
  const { certificate, key } = tls.good
  const { port } = await aServer({ cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') })
  const workerData = { count: 1000, port, host: '127.0.0.1', path: '/file', ca: readFileSync(tls.authority, 'utf8') }
  const client = new Worker(patientClient, { eval: true, workerData })
  afterwards(() => client.terminate())
  expect((await once(client, 'message'))[0]).toEqual({ outcomes: { 200: 1000 }, connections: 1 })
})

describe('streams that are asked for at once over one connection', () => {
  it('leave nothing behind when their client has gone', async () => {
    const app = await anApp()
    const ann = await aPerson(app)
    const asking = getting('/sse', `Authorization: Bearer ${ann.accessToken}\r\n`)
    const opened = vi.spyOn(app.context.hub, 'attach')
    const client = pipelined(Number(new URL(app.url).port), asking, asking)
    await vi.waitUntil(() => client.said.includes('event: resume'), deadline)
    client.socket.destroy()
    await vi.waitUntil(() => app.context.hub.streamCount === 0, deadline)
    await ann.get('/users/me').expect(200)
    expect([opened.mock.calls.length, app.context.hub.streamCount]).toEqual([1, 0])
  })

  it('of QR logins neither', async () => {
    const app = await anApp()
    const browsers = [await aQrBrowser(app), await aQrBrowser(app)]
    const asking = browsers.map(({ id, verifier }) => getting(`/api/v1/auth/qr/${id}/events`, `X-QR-Verifier: ${verifier}\r\n`))
    const opened = vi.spyOn(app.context.qrWatch, 'add')
    const client = pipelined(Number(new URL(app.url).port), ...asking)
    await vi.waitUntil(() => client.said.includes('event: qr.pending'), deadline)
    client.socket.destroy()
    await vi.waitUntil(() => app.context.qrWatch.streamCount === 0, deadline)
    await browsers[0]?.status()
    expect([opened.mock.calls.length, app.context.qrWatch.streamCount]).toEqual([1, 0])
  })
})

it('a QR login’s stream that is ended and not closed is written to no more', async () => {
  const failures: unknown[] = []
  const responses: ServerResponse[] = []
  const server = createServer((_request, response) => {
    responses.push(response.on('error', (error) => failures.push(error)))
  }).listen(0, '127.0.0.1')
  afterwards(() => server.close())
  await once(server, 'listening')
  const client = pipelined((server.address() as AddressInfo).port, getting('/one'), getting('/two'))
  await vi.waitUntil(() => responses.length === 2, deadline)
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    const [, queued] = responses
    if (!queued) throw new Error('There are two')
    const stream = new ChallengeStream(queued)
    stream.open()
    stream.tell({ status: 'expired' })
    vi.advanceTimersByTime(60_000)
  } finally {
    vi.useRealTimers()
  }
  await new Promise(setImmediate) // such an error is told a tick later
  expect(failures).toEqual([])
  client.socket.destroy()
  await client.closed
})
