import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aTalk } from './support/drops.js'
import { type Nginx, startNginx } from './support/nginx.js'
import { aStreamThrough, ask, fingerprintAt, protocols, textsOf } from './support/nginx-client.js'
import { aDirectConversation, aPerson, type Person } from './support/people.js'
import type { SseClient } from './support/sse-client.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let beside: TestApp // a worker that nginx does not know
let workers: TestApp[]
let ports: readonly string[]
let nginx: Nginx

const aWorker = (port = '0') =>
  startTestApp({ TRUST_PROXY: 'loopback', PORT: port, MONGO_URI: beside.context.config.mongo.uri, JWT_SECRET: beside.secret })

beforeAll(async () => {
  beside = await startTestApp()
  workers = [await aWorker(), await aWorker()]
  ports = workers.map(({ url }) => new URL(url).port)
  nginx = await startNginx(...ports.map(Number))
})
afterAll(async () => {
  await nginx.stop()
  for (const worker of [...workers, beside]) await worker.close()
})

const streamsAtEach = (person: Person) => workers.map(({ context }) => context.hub.streamsOf(person.id))
const open = (person: Person, position?: string) => aStreamThrough(nginx, 'HTTP/2', person, position)
const send = (person: Person, conversationId: string, text: string) =>
  ask('HTTP/2', nginx, `/api/v1/conversations/${conversationId}/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${person.accessToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ clientId: randomUUID(), text }),
  })

describe('two workers behind nginx', () => {
  it('share streams by how many each has, not by turns', async () => {
    const person = await aPerson(beside)
    const opened: { readonly stream: SseClient; readonly at: number }[] = []
    for (let n = 0; n < 6; n++) {
      const before = streamsAtEach(person)
      const stream = await open(person)
      opened.push({ stream, at: streamsAtEach(person).findIndex((count, worker) => count > (before[worker] ?? 0)) })
    }
    expect(streamsAtEach(person)).toEqual([3, 3])
    for (const { stream } of opened.filter(({ at }) => at === 0)) await stream.close()
    await expect.poll(() => streamsAtEach(person)).toEqual([0, 3])
    for (let n = 0; n < 3; n++) await open(person)
    expect(streamsAtEach(person)).toEqual([3, 3])
  })

  it.each(protocols)('keep a stream over %s while nginx reloads and shows a new certificate to who comes then', async (protocol) => {
    const { ann, bob, conversation } = await aDirectConversation(beside)
    const port = Number(new URL(nginx.https).port)
    const before = await fingerprintAt(port, nginx.authority)
    const stream = await ask(protocol, nginx, '/sse', { headers: { authorization: `Bearer ${bob.accessToken}` } })
    await expect.poll(stream.body).toContain('event: resume')
    await nginx.renew()
    expect(await nginx.test()).toContain('test is successful')
    await nginx.reload()
    await expect.poll(() => fingerprintAt(port, nginx.authority)).not.toBe(before)
    expect((await send(ann, conversation.id, 'after the reload')).status).toBe(201)
    await expect.poll(stream.body).toContain('after the reload')
    stream.end()
  })

  it('answer every request while one of them is away, messages among them', async () => {
    const { ann, bob, conversation } = await aDirectConversation(beside)
    await Promise.all(workers.splice(0, 1).map((worker) => worker.close()))
    const stream = await open(bob)
    const texts = Array.from({ length: 20 }, (_, n) => `text ${n}`)
    const answers = await Promise.all(texts.map((text) => send(ann, conversation.id, text)))
    expect(answers.map(({ status }) => status)).toEqual(texts.map(() => 201))
    await expect.poll(() => textsOf(stream).toSorted()).toEqual(texts.toSorted())
  })

  it('are a problem while both restart; a stream then resumes with nothing lost or doubled', async () => {
    const { ann, bob, conversation } = await aTalk(beside)
    const stream = await open(bob)
    await ann.send(conversation.id, { text: 'before' }).expect(201)
    await expect.poll(() => textsOf(stream)).toEqual(['before'])
    const position = stream.events.at(-1)?.id
    await Promise.all(workers.splice(0).map((worker) => worker.close()))
    await stream.ended
    const refused = await send(ann, conversation.id, 'refused')
    expect([refused.status, refused.valueOf('content-type')]).toEqual([502, 'application/problem+json; charset=utf-8'])
    expect(JSON.parse(await refused.whole())).toMatchObject({ status: 502, code: 'service_unavailable' })
    await ann.send(conversation.id, { text: 'meanwhile' }).expect(201)
    for (const port of ports) workers.push(await aWorker(port))
    await expect.poll(async () => (await send(ann, conversation.id, 'after')).status).toBe(201)
    const again = await open(bob, position)
    expect(again.events[0]?.data).toMatchObject({ verdict: 'exact' })
    await expect.poll(() => textsOf(again)).toEqual(['meanwhile', 'after'])
  })
})
