import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aTalk } from './support/drops.js'
import { type Nginx, startNginx } from './support/nginx.js'
import { aStreamThrough, ask, protocols, textsOf } from './support/nginx-client.js'
import { aPerson } from './support/people.js'
import { TcpProxy, targetOf } from './support/tcp-proxy.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let proxy: TcpProxy // between nginx and the product
let nginx: Nginx

beforeAll(async () => {
  app = await startTestApp({ TRUST_PROXY: 'loopback' })
  proxy = await TcpProxy.open(targetOf(app.url))
  nginx = await startNginx(proxy.port)
})
afterAll(async () => {
  await nginx.stop()
  await proxy.close()
  await app.close()
})

/** Frames as they must come, byte for byte; a heartbeat may come before each. */
const framesOf = (...events: string[]): RegExp => {
  const heartbeats = '(?:(?::|id: \\S+)\\n\\n)*'
  const frames = events.map((event) => `${heartbeats}id: \\S+\\nevent: ${event}\\ndata: \\{.*\\}\\n\\n`)
  return new RegExp(`^retry: 2000\\n\\n${frames.join('')}${heartbeats}$`)
}

describe.each(protocols)('a stream through nginx over %s', (protocol) => {
  it('flows at once, byte for byte, neither buffered nor compressed', async () => {
    const person = await aPerson(app)
    const before = performance.now()
    const stream = await ask(protocol, nginx, '/sse', {
      headers: { authorization: `Bearer ${person.accessToken}`, 'accept-encoding': 'gzip, br' },
    })
    await expect.poll(stream.body, { interval: 1 }).not.toBe('')
    console.log(`${protocol}: the first byte of a stream after ${(performance.now() - before).toFixed(0)} ms, connecting and TLS among it`)
    expect(stream.status).toBe(200)
    await expect.poll(stream.body).toMatch(framesOf('resume'))
    const other = await aPerson(app)
    await person.post('/conversations', { type: 'direct', userId: other.id }).expect(201)
    await expect.poll(stream.body).toMatch(framesOf('resume', 'conversation.created'))
    stream.end()
  })

  it('has each header once, and those that a stream needs', async () => {
    const person = await aPerson(app)
    const stream = await ask(protocol, nginx, '/sse', {
      headers: { authorization: `Bearer ${person.accessToken}`, 'accept-encoding': 'gzip' },
    })
    const { names, valueOf } = stream
    expect(names.filter((name, n) => names.indexOf(name) !== n)).toEqual([])
    expect(valueOf('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(valueOf('cache-control')).toBe('no-store')
    for (const name of ['content-length', 'content-encoding', 'x-accel-buffering', 'etag']) expect(names).not.toContain(name)
    stream.end()
  })

  it('beside it, JSON is compressed', async () => {
    const answer = await ask(protocol, nginx, '/openapi.json', { headers: { 'accept-encoding': 'gzip' } })
    expect(answer.valueOf('content-encoding')).toBe('gzip')
    answer.end()
  })

  it('ends at the product when its client goes', async () => {
    const person = await aPerson(app)
    const stream = await ask(protocol, nginx, '/sse', { headers: { authorization: `Bearer ${person.accessToken}` } })
    await expect.poll(stream.body).toContain('event: resume')
    expect(app.context.hub.streamsOf(person.id)).toBe(1)
    stream.end()
    await expect.poll(() => app.context.hub.streamsOf(person.id)).toBe(0)
  })

  it('resumes after its connection was dropped, with nothing lost or doubled', async () => {
    const { ann, bob, conversation } = await aTalk(app)
    const seen: string[] = []
    let position: string | undefined
    let sent = 0
    for (let drop = 0; drop < 3; drop++) {
      const stream = await aStreamThrough(nginx, protocol, bob, position)
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
    const last = await aStreamThrough(nginx, protocol, bob, position)
    const all = Array.from({ length: sent }, (_, n) => String(n + 1))
    await expect.poll(() => [...seen, ...textsOf(last)]).toEqual(all)
    expect(last.events[0]?.data).toMatchObject({ verdict: 'exact' })
  })

  it('that is refused is a problem', async () => {
    const answer = await ask(protocol, nginx, '/sse', {})
    await expect.poll(answer.body).toContain('"code":"unauthenticated"')
    expect(answer.status).toBe(401)
    answer.end()
  })
})
