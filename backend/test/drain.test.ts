import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import mongoose from 'mongoose'
import { Client } from 'undici'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { SseClient } from './support/sse-client.js'

const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url))
const databases: string[] = []

afterAll(async () => {
  const connection = await mongoose.createConnection(inject('mongoUrl')).asPromise()
  for (const name of databases) await connection.getClient().db(name).dropDatabase()
  await connection.close()
})

const aFreePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

interface Worker {
  readonly process: ChildProcess
  readonly url: string
  readonly exited: Promise<[number | null, NodeJS.Signals | null]>
}

/** The built server as its own process, ready. */
const aWorker = async (): Promise<Worker> => {
  const port = await aFreePort()
  const database = `drain-${randomUUID()}`
  databases.push(database)
  const mongo = new URL(inject('mongoUrl'))
  mongo.pathname = `/${database}`
  const child = spawn(process.execPath, [entry], {
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'test',
      PORT: String(port),
      MONGO_URI: mongo.href,
      REDIS_URL: inject('redisUrl'),
      JWT_SECRET: randomBytes(32).toString('base64'),
      LIMIT_MESSAGES: '100000/s',
      LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const url = `http://127.0.0.1:${port}`
  await expect.poll(async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.status, { timeout: 30_000 }).toBe(200)
  return { process: child, url, exited }
}

const call = async (client: Client, method: 'GET' | 'POST', path: string, token: string, body?: object) => {
  const answer = await client.request({
    method,
    path,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  return {
    status: answer.statusCode,
    closing: answer.headers['connection'] === 'close',
    body: (await answer.body.json()) as Record<string, unknown>,
  }
}

const aConversation = async (client: Client) => {
  const people: { accessToken: string; user: { id: string } }[] = []
  for (const digits of ['01', '02']) {
    const phone = `+49151123456${digits}`
    const { body } = await call(client, 'POST', '/api/v1/auth/register', '', { phone, password: 'Signals from hill 2 hill', name: digits })
    people.push(body as { accessToken: string; user: { id: string } })
  }
  const [ann, bob] = people
  if (!ann || !bob) throw new Error('two people were registered')
  const { body } = await call(client, 'POST', '/api/v1/conversations', ann.accessToken, { type: 'direct', userId: bob.user.id })
  return { token: ann.accessToken, path: `/api/v1/conversations/${String(body['id'])}/messages` }
}

describe.each(['SIGTERM', 'SIGINT'] as const)('on %s', (signal) => {
  it('a worker answers what is sent over its open connections, tells its streams, stores what it acknowledged, and exits', async () => {
    const worker = await aWorker()
    const clients = Array.from({ length: 4 }, () => new Client(worker.url))
    const [first] = clients
    if (!first) throw new Error('there are four')
    const { token, path } = await aConversation(first)
    const stream = await SseClient.open(`${worker.url}/sse`, { headers: { authorization: `Bearer ${token}` } })
    await stream.waitFor(({ event }) => event === 'resume', 30_000)

    const acknowledged: number[] = []
    const statuses = new Set<number>()
    const sending = clients.map(async (client) => {
      for (let closing = false; !closing; ) {
        const answer = await call(client, 'POST', path, token, { clientId: randomUUID(), text: 'hello' })
        statuses.add(answer.status)
        if (answer.status === 201) acknowledged.push(Number(answer.body['seq']))
        closing = answer.closing // the server's wish: a good client opens another connection, to another worker
      }
      await client.close()
    })
    await expect.poll(() => acknowledged.length).toBeGreaterThan(40)
    worker.process.kill(signal)
    await Promise.all(sending)
    await stream.ended
    expect(await worker.exited).toEqual([0, null])
    expect([...statuses]).toEqual([201])
    expect(stream.events.at(-1)).toMatchObject({ event: 'server.draining', data: { reconnectInMs: expect.any(Number) } })

    const connection = await mongoose.createConnection(inject('mongoUrl'), { dbName: databases.at(-1) ?? '' }).asPromise()
    const stored = await connection.collection('messages').find().sort({ seq: 1 }).toArray()
    await connection.close()
    const seqs = stored.map((message) => Number(message['seq']))
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, n) => n + 1))
    expect(acknowledged.toSorted((a, b) => a - b)).toEqual(seqs)
  })
})
