import { Agent, type Client } from 'undici'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { SseClient } from '../support/sse-client.js'
import { type Cluster, startCluster } from './cluster.js'
import { actionsAt, type Message, type Person } from './person.js'

const MessageCreated = z.object({ conversationId: z.string(), message: z.object({ id: z.string(), seq: z.int() }) })
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

let cluster: Cluster
let actions: ReturnType<typeof actionsAt>

beforeAll(async () => {
  const generous = '100000/min'
  const limits = {
    LIMIT_REGISTER: generous,
    LIMIT_MESSAGES: generous,
    LIMIT_API: generous,
    LIMIT_ANONYMOUS: generous,
    LIMIT_STREAMS: generous,
  }
  cluster = await startCluster(2, { ...limits, LOG_LEVEL: 'warn' })
  actions = actionsAt(cluster.origin)
}, 90_000)
afterAll(() => cluster?.stop(), 60_000)

const connectionTo = async (worker: string): Promise<Client> => {
  const client = await cluster.connectTo(worker)
  onTestFinished(() => client.destroy())
  return client
}

const streamOf = async (person: Person, worker: string): Promise<SseClient> => {
  const dispatcher = await connectionTo(worker)
  const stream = await SseClient.open(`${cluster.origin}/sse`, { dispatcher, headers: { authorization: `Bearer ${person.token}` } })
  onTestFinished(() => stream.close())
  await stream.waitFor((event) => event.event === 'resume', 30_000)
  return stream
}

const twoInConversation = async (connection: Client) => {
  const ann = await actions.register(connection, 'Ann')
  const bob = await actions.register(connection, 'Bob')
  return { ann, bob, conversationId: await actions.startDirect(connection, ann, bob) }
}

const seqsOf = (stream: SseClient): number[] =>
  stream.events.filter((event) => event.event === 'message.created').map((event) => MessageCreated.parse(event.data).message.seq)

/** Sends over one connection after the other. */
const sendOneByOne = async (connection: Client, from: Person, conversationId: string, count: number): Promise<Message[]> => {
  const sent: Message[] = []
  for (const number of upTo(count)) sent.push(await actions.send(connection, from, conversationId, `message ${number}`))
  return sent
}

describe('two workers', { timeout: 60_000 }, () => {
  it('tell a stream at one of every message sent at either, once and in order', async () => {
    const [atFirst, atSecond] = await Promise.all([connectionTo('0'), connectionTo('1')])
    const { ann, bob, conversationId } = await twoInConversation(atFirst)
    const streams = [await streamOf(ann, '1'), await streamOf(bob, '0')]
    const senders = await Promise.all(['0', '0', '0', '0', '1', '1', '1', '1'].map(connectionTo))

    const sent = await Promise.all(senders.map((sender, index) => sendOneByOne(sender, index % 2 === 0 ? ann : bob, conversationId, 25)))

    expect(new Set(sent.flat().map((message) => message.seq))).toEqual(new Set(upTo(200)))
    const stored = await actions.history(atSecond, bob, conversationId)
    expect(stored.map((message) => message.seq)).toEqual(upTo(200))
    for (const stream of streams) {
      await stream.waitFor(() => seqsOf(stream).length >= 200, 30_000)
      expect(seqsOf(stream)).toEqual(upTo(200))
    }
  })

  it('are replaced under load without a request that fails or an acknowledged message that is lost', { timeout: 120_000 }, async () => {
    const { ann, bob, conversationId } = await twoInConversation(await connectionTo('0'))
    const agent = new Agent({ connections: 8 })
    onTestFinished(() => agent.destroy())
    const before = await cluster.pids()

    const reloaded = new AbortController()
    const acknowledged: Message[] = []
    const sendUntilReloaded = async (from: Person) => {
      while (!reloaded.signal.aborted) acknowledged.push(await actions.send(agent, from, conversationId, `message ${acknowledged.length}`))
    }
    const load = Promise.all([ann, bob, ann, bob, ann, bob, ann, bob].map(sendUntilReloaded))
    await Promise.race([cluster.reload(), load]) // the load ends first only by failing
    reloaded.abort()
    await load

    expect(acknowledged.length).toBeGreaterThan(100)
    const after = await cluster.pids()
    expect(after).toHaveLength(2)
    expect(after.filter((pid) => before.includes(pid))).toEqual([])
    const stored = await actions.history(agent, ann, conversationId)
    expect(stored.map((message) => message.seq)).toEqual(upTo(stored.length))
    expect(new Set(stored.map((message) => message.id))).toEqual(new Set(acknowledged.map((message) => message.id)))
  })
})
