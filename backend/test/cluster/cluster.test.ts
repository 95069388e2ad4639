import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, type Client } from 'undici'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { SseClient } from '../support/sse-client.js'
import { type Cluster, startCluster } from './cluster.js'
import { Follower } from './follower.js'
import { actionsAt, type Message, type Person } from './person.js'

const MessageCreated = z.object({ conversationId: z.string(), message: z.object({ id: z.string(), seq: z.int() }) })
/** One takes half a minute: RELOADS=10 for an evening. */
const reloadCount = Number(process.env['RELOADS'] ?? 1)
/** So that eight senders are a load that a busy machine bears. */
const pauseOfSenderMs = 100
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

  it('are replaced again and again under load: no request fails, and streams that come back miss nothing', {
    timeout: 900_000,
  }, async () => {
    const { ann, bob, conversationId } = await twoInConversation(await connectionTo('0'))
    await cluster.joinedLongAgo(conversationId)
    const agent = new Agent({ connections: 8 })
    onTestFinished(() => agent.destroy())
    const followers = await Promise.all([ann, bob, ann, bob].map((person) => Follower.follow(cluster.origin, person)))

    const reloaded = new AbortController()
    const begun = performance.now()
    const acknowledged: number[] = []
    const sendUntilReloaded = async (from: Person) => {
      while (!reloaded.signal.aborted) {
        acknowledged.push((await actions.send(agent, from, conversationId, `message ${acknowledged.length}`)).seq)
        await sleep(pauseOfSenderMs)
      }
    }
    const load = Promise.all([ann, bob, ann, bob, ann, bob, ann, bob].map(sendUntilReloaded))
    const reloads = async () => {
      for (const _ of upTo(reloadCount)) await cluster.reload()
    }
    await Promise.race([reloads(), load]) // the load ends first only by failing
    reloaded.abort()
    await load
    const seconds = (performance.now() - begun) / 1000

    const told = () => followers.map(({ seqs }) => seqs.length)
    await expect.poll(told).toEqual(followers.map(() => acknowledged.length))
    const comings = () => followers.map(({ verdicts }) => verdicts.length - 1)
    await expect.poll(() => Math.min(...comings())).toBeGreaterThanOrEqual(reloadCount)
    for (const follower of followers) await follower.leave()
    const refusals = followers.flatMap((follower) => follower.refusals)
    console.log(
      `${reloadCount} reloads in ${seconds.toFixed(0)} s: ${acknowledged.length} sent by 8 senders (${(acknowledged.length / seconds).toFixed(0)}/s), 0 failed; ` +
        `${told().join(' + ')} events to 4 streams, 0 lost; they came back ${comings().join(' + ')} times, and had to ask again ${refusals.length} times`,
    )
    expect(acknowledged.toSorted((one, other) => one - other)).toEqual(upTo(acknowledged.length))
    for (const { seqs, verdicts } of followers) {
      expect(seqs).toEqual(upTo(acknowledged.length))
      expect([verdicts[0], ...new Set(verdicts.slice(1))]).toEqual(['live', 'exact'])
    }
  })
})
