import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { Types } from 'mongoose'
import { Client } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Nginx, startNginx } from './support/nginx.js'
import { aDirectConversation, aPerson, type Person } from './support/people.js'
import { SseClient } from './support/sse-client.js'
import { TcpProxy, targetOf } from './support/tcp-proxy.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const deadlineMs = 30_000
let app: TestApp
let proxy: TcpProxy // between nginx and the product
let nginx: Nginx
const closing: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  app = await startTestApp({ TRUST_PROXY: 'loopback' })
  proxy = await TcpProxy.open(targetOf(app.url))
  nginx = await startNginx(proxy.port)
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})
afterAll(async () => {
  await nginx.stop()
  await proxy.close()
  await app.close()
})

type Protocol = 'HTTP/1.1' | 'HTTP/2'
const originOf = (protocol: Protocol): string => (protocol === 'HTTP/2' ? nginx.https : nginx.http)

const aStream = async (protocol: Protocol, person: Person, headers: Record<string, string> = {}): Promise<SseClient> => {
  const dispatcher = new Client(originOf(protocol), { allowH2: protocol === 'HTTP/2', connect: { ca: readFileSync(nginx.authority) } })
  const authorized = { authorization: `Bearer ${person.accessToken}`, ...headers }
  const stream = await SseClient.open(`${originOf(protocol)}/sse`, { dispatcher, headers: authorized })
  closing.push(
    () => dispatcher.destroy(),
    () => stream.close(),
  )
  await stream.waitFor(({ event }) => event === 'resume', deadlineMs)
  return stream
}

interface Raw {
  readonly status: number
  /** As they came: name, value, name, value. */
  readonly headers: readonly string[]
  readonly body: () => string
  end(): void
}

/** An answer as it comes, its body as text so far. */
const ask: Record<Protocol, (path: string, headers: Record<string, string>) => Promise<Raw>> = {
  async 'HTTP/1.1'(path, headers) {
    const request = httpRequest(nginx.http + path, { headers }).end()
    const [response] = await once(request, 'response')
    let body = ''
    response.on('data', (chunk: Buffer) => (body += chunk.toString()))
    return { status: response.statusCode, headers: response.rawHeaders, body: () => body, end: () => void request.destroy() }
  },
  async 'HTTP/2'(path, headers) {
    const session = connectHttp2(nginx.https, { ca: readFileSync(nginx.authority) })
    closing.push(async () => session.destroy())
    const request = session.request({ ':path': path, ...headers })
    const [answered, , raw] = await once(request, 'response')
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    return { status: answered[':status'], headers: raw, body: () => body, end: () => request.close() }
  },
}

const joinedLongAgo = (conversationId: string) =>
  app.context.mongo.connection
    .collection('conversations')
    .updateOne({ _id: new Types.ObjectId(conversationId) }, { $set: { 'members.$[].joinedAt': new Date(0) } })
const textsOf = ({ events }: SseClient): string[] =>
  events.filter(({ event }) => event === 'message.created').map(({ data }) => (data as { message: { text: string } }).message.text)

/** Frames as they must come, byte for byte; a heartbeat may come before each. */
const framesOf = (...events: string[]): RegExp => {
  const heartbeats = '(?:(?::|id: \\S+)\\n\\n)*'
  const frames = events.map((event) => `${heartbeats}id: \\S+\\nevent: ${event}\\ndata: \\{.*\\}\\n\\n`)
  return new RegExp(`^retry: 2000\\n\\n${frames.join('')}${heartbeats}$`)
}

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('a stream through nginx over %s', (protocol) => {
  it('flows at once, byte for byte, neither buffered nor compressed', async () => {
    const person = await aPerson(app)
    const stream = await ask[protocol]('/sse', { authorization: `Bearer ${person.accessToken}`, 'accept-encoding': 'gzip, br' })
    expect(stream.status).toBe(200)
    await expect.poll(stream.body).toMatch(framesOf('resume'))
    const other = await aPerson(app)
    await person.post('/conversations', { type: 'direct', userId: other.id }).expect(201)
    await expect.poll(stream.body).toMatch(framesOf('resume', 'conversation.created'))
    stream.end()
  })

  it('has each header once, and those that a stream needs', async () => {
    const person = await aPerson(app)
    const stream = await ask[protocol]('/sse', { authorization: `Bearer ${person.accessToken}`, 'accept-encoding': 'gzip' })
    const names = stream.headers.filter((_value, n) => n % 2 === 0).map((name) => name.toLowerCase())
    const valueOf = (name: string) => stream.headers[names.indexOf(name) * 2 + 1]
    expect(names.filter((name, n) => names.indexOf(name) !== n)).toEqual([])
    expect(valueOf('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(valueOf('cache-control')).toBe('no-store')
    for (const name of ['content-length', 'content-encoding', 'x-accel-buffering', 'etag']) expect(names).not.toContain(name)
    stream.end()
  })

  it('beside it, JSON is compressed', async () => {
    const answer = await ask[protocol]('/openapi.json', { 'accept-encoding': 'gzip' })
    expect(answer.headers.map((text) => text.toLowerCase())).toContain('content-encoding')
    answer.end()
  })

  it('ends at the product when its client goes', async () => {
    const person = await aPerson(app)
    const stream = await ask[protocol]('/sse', { authorization: `Bearer ${person.accessToken}` })
    await expect.poll(stream.body).toContain('event: resume')
    expect(app.context.hub.streamsOf(person.id)).toBe(1)
    stream.end()
    await expect.poll(() => app.context.hub.streamsOf(person.id)).toBe(0)
  })

  it('resumes after its connection was dropped, with nothing lost or doubled', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    await joinedLongAgo(conversation.id)
    const seen: string[] = []
    let position: string | undefined
    let sent = 0
    for (let drop = 0; drop < 3; drop++) {
      const stream = await aStream(protocol, bob, position === undefined ? {} : { 'last-event-id': position })
      await ann.send(conversation.id, { text: String(++sent) }).expect(201)
      await expect.poll(() => textsOf(stream).at(-1)).toBe(String(sent))
      const unheard = ann.send(conversation.id, { text: String(++sent) }).expect(201)
      proxy.cut()
      await stream.ended
      await unheard
      proxy.restore()
      seen.push(...textsOf(stream))
      position = stream.events.findLast(({ event }) => event !== 'error')?.id
    }
    const last = await aStream(protocol, bob, { 'last-event-id': position ?? '' })
    const all = Array.from({ length: sent }, (_, n) => String(n + 1))
    await expect.poll(() => [...seen, ...textsOf(last)]).toEqual(all)
    expect(last.events[0]?.data).toMatchObject({ verdict: 'exact' })
  })

  it('that is refused is a problem', async () => {
    const answer = await ask[protocol]('/sse', {})
    await expect.poll(answer.body).toContain('"code":"unauthenticated"')
    expect(answer.status).toBe(401)
    answer.end()
  })
})
