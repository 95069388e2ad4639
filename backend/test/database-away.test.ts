import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mongo } from 'mongoose'
import { describe, expect, inject, it } from 'vitest'
import { aDirectConversation } from './support/people.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'
import { startTestApp } from './support/test-app.js'

const deadlineMs = 30_000

const aProxiedDatabase = async (up: boolean) => {
  const proxy = await TcpProxy.open(targetOf(inject('mongoUrl')), up)
  const url = new URL(through(inject('mongoUrl'), proxy))
  url.pathname = `/away-${randomUUID()}`
  return { proxy, environment: { MONGO_URI: url.href, MONGO_SELECTION_TIMEOUT_MS: '500' } }
}

describe('when MongoDB is away at the start', () => {
  it('the worker answers 503 with Retry-After, tries again, and serves once it is there', async () => {
    const { proxy, environment } = await aProxiedDatabase(false)
    const app = await startTestApp(environment, { waitForDatabase: false })
    const ready = await app.request.get('/health/ready').expect(503)
    expect(ready.body).toEqual({ status: 'starting' })
    const refused = await app.request.get('/api/v1/users/me').expect(503)
    expect(refused.body.code).toBe('service_unavailable')
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)

    proxy.restore()
    await expect.poll(async () => (await app.request.get('/health/ready')).status, { timeout: deadlineMs }).toBe(200)
    const { ann, conversation } = await aDirectConversation(app)
    await ann.send(conversation.id, { text: 'hello' }).expect(201)
    await app.close()
    await proxy.close()
  })
})

describe('when MongoDB goes away in mid-flight', () => {
  it('requests are answered 503, nothing that was acknowledged is lost, and it comes back without a restart', async () => {
    const { proxy, environment } = await aProxiedDatabase(true)
    const app = await startTestApp(environment)
    const { ann, conversation } = await aDirectConversation(app)
    const acknowledged = new Set<string>()
    const send = async (clientId: string) => {
      const answer = await ann.send(conversation.id, { clientId, text: clientId })
      if (answer.status === 201 || answer.status === 200) acknowledged.add(clientId)
      return answer
    }
    const clientIds = Array.from({ length: 300 }, () => randomUUID())
    const sending = Promise.all(clientIds.map(send))
    await expect.poll(() => acknowledged.size).toBeGreaterThan(0)
    proxy.cut()
    const answers = await sending
    expect(answers.filter(({ status }) => ![200, 201, 503].includes(status))).toEqual([])
    const refused = await send(randomUUID())
    expect([refused.status, Number(refused.headers['retry-after']) > 0]).toEqual([503, true])
    await app.request.get('/health/ready').expect(503, { status: 'no-database' })
    await app.request.get('/health').expect(503)

    proxy.restore()
    await expect.poll(async () => (await app.request.get('/health/ready')).status, { timeout: deadlineMs }).toBe(200)
    for (const clientId of clientIds) if (!acknowledged.has(clientId)) await send(clientId)
    expect(acknowledged.size).toBe(300)
    const stored: { clientId: string; seq: number }[] = []
    for (let page = 0; page < 4; page++) {
      const { body } = await ann.get(`/conversations/${conversation.id}/messages?afterSeq=${stored.length}&limit=100`).expect(200)
      stored.push(...body.items)
    }
    expect(stored.map(({ seq }) => seq)).toEqual(Array.from({ length: 300 }, (_, n) => n + 1))
    expect(stored.map(({ clientId }) => clientId).toSorted()).toEqual(clientIds.toSorted())
    await app.close()
    await proxy.close()
  }, 120_000)
})

describe('when MongoDB comes back as it was before (an operator has put back an older copy, and made it a new generation)', () => {
  it('nothing that the worker remembers of the former one is written to it', async () => {
    const { proxy, environment } = await aProxiedDatabase(true)
    const app = await startTestApp(environment)
    const { ann, conversation } = await aDirectConversation(app)
    const direct = new mongo.MongoClient(inject('mongoUrl'))
    const restored = direct.db(app.context.mongo.connection.name)
    const conversationId = new mongo.ObjectId(conversation.id)
    const copied = 10
    for (let n = 0; n < copied; n++) await ann.send(conversation.id, { text: 'in the copy' }).expect(201)
    let acknowledged = 0
    const sending = Array.from({ length: 300 }, async () => {
      if ((await ann.send(conversation.id, { text: 'after it' })).status === 201) acknowledged += 1
    })
    await expect.poll(() => acknowledged).toBeGreaterThan(0)
    proxy.cut()
    await Promise.all(sending)

    await restored.collection('messages').deleteMany({ conversationId, seq: { $gt: copied } })
    await restored.collection('conversations').updateOne({ _id: conversationId }, { $set: { lastSeq: copied } })
    await restored.collection<{ _id: string }>('meta').deleteOne({ _id: 'generation' })
    const replaced = once(app.context.mongo, 'replaced', { signal: AbortSignal.timeout(deadlineMs) })
    proxy.restore()
    await replaced
    await ann.send(conversation.id, { text: 'to the former one' }).expect(503)
    await app.close() // what still waits is given up

    expect(await restored.collection('conversations').findOne({ _id: conversationId })).toMatchObject({ lastSeq: copied })
    const seqs = await restored.collection('messages').find({ conversationId }).sort({ seq: 1 }).toArray()
    expect(seqs.map(({ seq }) => seq)).toEqual(Array.from({ length: copied }, (_, n) => n + 1))
    await restored.dropDatabase()
    await direct.close()
    await proxy.close()
  })
})
