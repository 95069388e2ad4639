import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { aDirectConversation, aPerson, type Person } from './support/people.js'
import { SseClient } from './support/sse-client.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const deadline = { timeout: 30_000 }
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

const anApp = async (...parameters: Parameters<typeof startTestApp>): Promise<TestApp> => {
  const app = await startTestApp(...parameters)
  closing.push(() => app.close())
  return app
}
/** Another worker: the same database. */
const aNeighbour = (of: TestApp, variables: Readonly<Record<string, string>>): Promise<TestApp> =>
  anApp({ MONGO_URI: of.context.config.mongo.uri, JWT_SECRET: of.secret, ...variables })
const aStream = async (person: Person, at: TestApp, lastEventId?: string): Promise<SseClient> => {
  const headers = { authorization: `Bearer ${person.accessToken}`, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) }
  const stream = await SseClient.open(`${at.url}/sse`, { headers })
  closing.push(() => stream.close())
  await stream.waitFor(({ event }) => event === 'resume', 10_000)
  return stream
}
const hasEnded = (stream: SseClient): { readonly value: boolean } => {
  const ended = { value: false }
  void stream.ended.then(() => {
    ended.value = true
  })
  return ended
}
const textsOf = (stream: SseClient): string[] =>
  stream.events.filter(({ event }) => event === 'message.created').map(({ data }) => (data as { message: { text: string } }).message.text)
const sendAll = async (from: Person, conversationId: string, texts: readonly string[]): Promise<void> => {
  for (const text of texts) await from.send(conversationId, { text }).expect(201)
}
/** A person's calls at another worker. */
const at = (app: TestApp, person: Person): Person => ({
  ...person,
  send: (conversationId, { clientId = randomUUID(), text = 'hello' }) =>
    app.request
      .post(`/api/v1/conversations/${conversationId}/messages`)
      .auth(person.accessToken, { type: 'bearer' })
      .send({ clientId, text }),
  post: (path, body) => app.request.post(`/api/v1${path}`).auth(person.accessToken, { type: 'bearer' }).send(body),
})
/** Everybody has joined long enough ago for a replay. */
const longAgo = (app: TestApp) =>
  app.context.mongo.connection
    .collection('conversations')
    .updateMany({}, { $set: { 'members.$[].joinedAt': new Date(Date.now() - 60_000) } })
const upTo = (n: number, prefix: string): string[] => Array.from({ length: n }, (_, index) => `${prefix} ${index + 1}`)

describe.each([1, 4])('a lost connection to Redis, with %i shards', (shards) => {
  const spread = { REDIS_SHARDS: String(shards) }

  it('is lived through: what is sent meanwhile, here and elsewhere, is stored, and told once and in order when it is back', async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    closing.push(() => proxy.close())
    const elsewhere = await anApp(spread)
    const cutOff = await aNeighbour(elsewhere, { ...spread, REDIS_URL: through(inject('redisUrl'), proxy) })
    const { ann, bob, conversation } = await aDirectConversation(elsewhere)
    const carol = await aPerson(elsewhere)
    const streams = await Promise.all([ann, bob, bob, carol].map((person) => aStream(person, cutOff)))
    const ended = streams.map(hasEnded)
    await sendAll(ann, conversation.id, ['before'])
    for (const stream of streams.slice(0, 3)) await expect.poll(() => textsOf(stream), deadline).toEqual(['before'])

    proxy.cut()
    await expect.poll(cutOff.context.redisReady).toBe(false)
    await sendAll(ann, conversation.id, upTo(3, 'elsewhere'))
    await sendAll(at(cutOff, bob), conversation.id, upTo(3, 'here'))
    const begun = await ann.post('/conversations', { type: 'group', name: 'Begun meanwhile', memberIds: [bob.id, carol.id] }).expect(201)
    await sendAll(ann, begun.body.id, upTo(3, 'begun'))
    const refused = await fetch(`${cutOff.url}/sse`, { headers: { authorization: `Bearer ${bob.accessToken}` } })
    expect([refused.status, refused.headers.has('retry-after')]).toEqual([503, true])

    proxy.restore()
    await sendAll(at(cutOff, bob), conversation.id, ['after'])
    await sendAll(ann, begun.body.id, ['after in the group'])
    const inPair = ['before', ...upTo(3, 'elsewhere'), ...upTo(3, 'here'), 'after']
    const inGroup = [...upTo(3, 'begun'), 'after in the group']
    for (const [n, stream] of streams.entries()) {
      const expected = n === 3 ? inGroup : [...inPair, ...inGroup]
      await expect.poll(() => textsOf(stream).length, deadline).toBe(expected.length)
      expect(textsOf(stream).filter((text) => inPair.includes(text))).toEqual(n === 3 ? [] : inPair)
      expect(textsOf(stream).filter((text) => inGroup.includes(text))).toEqual(inGroup)
    }
    expect(ended.map(({ value }) => value)).toEqual([false, false, false, false])

    // The position it then has is a good one.
    await longAgo(elsewhere)
    const again = await aStream(bob, elsewhere, streams[1]?.events.at(-1)?.id)
    expect(again.events[0]?.data).toMatchObject({ verdict: 'exact' })
    await sendAll(ann, conversation.id, ['later'])
    await expect.poll(() => textsOf(again)).toEqual(['later'])
  })
})

describe('what a lost connection made unsure', () => {
  const few = { EVENT_LOG_ENTRIES: '10' }

  /** A worker that can be cut off from Redis, another one, and a stream at the first. */
  const cutOffWorker = async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    closing.push(() => proxy.close())
    const elsewhere = await anApp(few)
    const cutOff = await aNeighbour(elsewhere, { ...few, REDIS_URL: through(inject('redisUrl'), proxy) })
    const { ann, bob, conversation } = await aDirectConversation(elsewhere)
    const carol = await aPerson(elsewhere)
    const streams = { ofBob: await aStream(bob, cutOff), ofCarol: await aStream(carol, cutOff) }
    await sendAll(ann, conversation.id, ['before'])
    await expect.poll(() => textsOf(streams.ofBob)).toEqual(['before'])
    await longAgo(elsewhere)
    proxy.cut()
    await expect.poll(cutOff.context.redisReady).toBe(false)
    return { proxy, elsewhere, cutOff, ann, bob, carol, conversation, ...streams }
  }

  it('ends the streams whose channel has forgotten; they come back to a partial, the others live on', async () => {
    const { proxy, cutOff, ann, bob, carol, conversation, ofBob, ofCarol } = await cutOffWorker()
    await sendAll(ann, conversation.id, upTo(15, 'too many'))
    proxy.restore()
    await ofBob.ended
    const again = await aStream(bob, cutOff, ofBob.events.at(-1)?.id)
    expect(again.events[0]?.data).toMatchObject({ verdict: 'partial', refetch: [conversation.id] })
    const begun = await ann.post('/conversations', { type: 'direct', userId: carol.id }).expect(201)
    await sendAll(ann, begun.body.id, ['to Carol'])
    await expect.poll(() => textsOf(ofCarol)).toEqual(['to Carol'])
  })

  it('ends all streams where what the hubs are told has been forgotten', async () => {
    const { proxy, elsewhere, cutOff, ann, bob, conversation, ofBob, ofCarol } = await cutOffWorker()
    for (const other of await Promise.all(upTo(6, 'other').map(() => aPerson(elsewhere)))) {
      await ann.post('/conversations', { type: 'direct', userId: other.id }).expect(201) // two messages to the hubs
    }
    await sendAll(ann, conversation.id, ['meanwhile'])
    proxy.restore()
    await Promise.all([ofBob.ended, ofCarol.ended])
    const again = await aStream(bob, cutOff, ofBob.events.at(-1)?.id)
    expect(again.events[0]?.data).toMatchObject({ verdict: 'exact' })
    await expect.poll(() => textsOf(again)).toEqual(['meanwhile'])
  })
})
