import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Heads } from '../src/features/messages/index.js'
import { Keyspace } from '../src/platform/keyspace.js'
import { createLogger } from '../src/platform/logger.js'
import { type RedisConnections, redisConnections } from '../src/platform/redis-connections.js'
import { read } from './support/configuration.js'
import {
  afterwards,
  aNeighbour,
  anApp,
  aStream,
  at,
  deadline,
  longAgo,
  outboxesAreEmpty,
  sendAll,
  textsOf,
  upTo,
} from './support/listening.js'
import { aDirectConversation, aGroup, aPerson } from './support/people.js'
import { moveSlot, type RedisCluster, startRedisCluster } from './support/redis-cluster.js'
import { until } from './support/redis-server-clients.js'
import { SseClient } from './support/sse-client.js'

const connectionsTo = (variables: Readonly<Record<string, string>>): RedisConnections => {
  const settings = read(variables).redis
  if (!settings) throw new Error('no Redis is configured')
  const connections = redisConnections(settings, ['{0}', '{1}'], createLogger('silent'))
  afterwards(() => connections.close())
  connections.start()
  return connections
}

const shards = 4
const soon = { forgetAfterMs: 1000 }

describe('with a Redis Cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster()
  })
  afterAll(() => cluster?.stop())
  const variables = () => ({ REDIS_URL: '', REDIS_CLUSTER: cluster.addresses, REDIS_SHARDS: String(shards) })

  it('people talk across workers, tickets open streams, and who comes back is told exactly what was missed', async () => {
    const app = await anApp(variables(), soon)
    const neighbour = await aNeighbour(app, variables(), soon)
    const ann = await aPerson(app)
    const groups = await Promise.all(upTo(6, 'group').map(() => aGroup(app, 2, ann)))
    const bobs = groups.map(({ members }) => members[1] ?? ann)
    const annsStream = await aStream(ann, neighbour)
    const streams = await Promise.all(bobs.map((bob) => aStream(bob, neighbour)))
    const ids = groups.map(({ conversation }) => conversation.id)
    await Promise.all(ids.map((id, n) => sendAll(at(n % 2 ? app : neighbour, ann), id, upTo(5, id))))
    for (const [n, stream] of streams.entries()) await expect.poll(() => textsOf(stream), deadline).toEqual(upTo(5, ids[n] ?? ''))
    await expect.poll(() => textsOf(annsStream).length, deadline).toBe(30)

    const position = annsStream.events.at(-1)?.id
    expect(position?.split('_')).toHaveLength(shards)
    await annsStream.close()
    await longAgo(app)
    await Promise.all(ids.map((id) => sendAll(ann, id, [`missed in ${id}`])))
    const again = await aStream(ann, app, position)
    expect(again.events[0]?.data).toMatchObject({ verdict: 'exact', refetch: [] })
    await expect.poll(() => textsOf(again).toSorted(), deadline).toEqual(ids.map((id) => `missed in ${id}`).toSorted())

    const { body } = await ann.post('/sse/ticket', {}).expect(201)
    const byTicket = await SseClient.open(`${neighbour.url}/sse?ticket=${body.ticket}`)
    afterwards(() => byTicket.close())
    await byTicket.waitFor(({ event }) => event === 'resume', deadline.timeout)
    expect((await app.request.get('/health')).body).toMatchObject({ status: 'healthy', checks: { redis: { status: 'healthy' } } })
    await outboxesAreEmpty(app)
  }, 120_000)

  it('people see who is there, who types and who has read, whatever shards they are in', async () => {
    const quick = { presence: { grace: 100, lookEvery: 50 } }
    const app = await anApp(variables(), quick)
    const neighbour = await aNeighbour(app, variables(), quick)
    const ann = await aPerson(app)
    const bobs = await Promise.all(upTo(6, 'bob').map((name) => aPerson(app, { name })))
    const begun = await Promise.all(bobs.map((bob) => ann.post('/conversations', { type: 'direct', userId: bob.id }).expect(201)))
    const annsStream = await aStream(ann, app)
    const streams = await Promise.all(bobs.map((bob) => aStream(bob, neighbour)))
    const told = (name: string) => annsStream.events.flatMap(({ event, data }) => (event === name ? [data as Record<string, unknown>] : []))
    const idsOf = (events: Record<string, unknown>[]) => new Set(events.map(({ userId }) => userId))
    const everyone = new Set(bobs.map(({ id }) => id))
    await expect.poll(() => idsOf(told('presence').filter(({ online }) => online)), deadline).toEqual(everyone)
    for (const [n, { body }] of begun.entries()) {
      const bob = at(neighbour, bobs[n] ?? ann)
      await ann.send(body.id, {}).expect(201)
      await bob.post(`/conversations/${body.id}/typing`, { typing: true }).expect(204)
      await bob.post(`/conversations/${body.id}/receipts`, { readSeq: 1 }).expect(204)
    }
    await expect.poll(() => idsOf(told('typing').filter(({ typing }) => typing)), deadline).toEqual(everyone)
    await expect.poll(() => idsOf(told('receipt.updated').filter(({ readSeq }) => readSeq === 1)), deadline).toEqual(everyone)
    for (const stream of streams) await stream.close()
    await expect.poll(() => idsOf(told('presence').filter(({ online }) => !online)), deadline).toEqual(everyone)
  }, 120_000)

  it('heads are shared through all of its servers, without a look at the database', async () => {
    const clients = connectionsTo(variables())
    await until(() => clients.ready)
    const keyspace = new Keyspace(() => 'a generation', 16)
    const noDatabase = (): never => {
      throw new Error('the database was asked')
    }
    const [one, other] = [0, 1].map(() => new Heads({ messages: noDatabase, keyspace, redis: clients.commands }))
    const heads = new Map(upTo(40, 'conversation').map((id, n) => [id, n + 1]))
    one?.raise(heads)
    await expect.poll(() => other?.of(new Set(heads.keys())), deadline).toEqual(heads)
  })

  it('a slot that moves ends streams, which come back to a reset, and all goes on', async () => {
    const app = await anApp(variables(), soon)
    const { ann, bob, conversation } = await aDirectConversation(app)
    const stream = await aStream(bob, app)
    await sendAll(ann, conversation.id, ['before'])
    await expect.poll(() => textsOf(stream), deadline).toEqual(['before'])
    await moveSlot(cluster, `{${app.context.log.shardOf(`conversation:${conversation.id}`)}}`)
    await sendAll(ann, conversation.id, ['after'])
    await stream.ended
    await until(app.context.redisReady)
    const again = await aStream(bob, app, stream.events.at(-1)?.id)
    expect(again.events[0]?.data).toMatchObject({ verdict: 'reset' })
    await sendAll(ann, conversation.id, ['and on'])
    await expect.poll(() => textsOf(again).at(-1), deadline).toBe('and on')
    await outboxesAreEmpty(app)
  }, 120_000)

  it('is refused where one of its servers may evict', async () => {
    const second = cluster.masters[1]
    await second?.admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
    const clients = connectionsTo(variables())
    await until(() => clients.refusal)
    expect([clients.refusal, clients.ready]).toEqual([expect.stringContaining('noeviction'), false])
    await second?.admin.config('SET', 'maxmemory-policy', 'noeviction')
    await until(() => clients.ready)
  })
})

describe('with a Redis Cluster that has replicas', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster({ withReplicas: true })
  })
  afterAll(() => cluster?.stop())

  it('messages are stored while a master is dead, and told when its replica has taken over', async () => {
    const app = await anApp({ REDIS_URL: '', REDIS_CLUSTER: cluster.addresses, REDIS_SHARDS: String(shards) }, soon)
    const { ann, bob, conversation } = await aDirectConversation(app)
    const stream = await aStream(bob, app)
    await sendAll(ann, conversation.id, ['before'])
    await expect.poll(() => textsOf(stream), deadline).toEqual(['before'])
    const slot = Number(
      await cluster.masters[0]?.admin.cluster('KEYSLOT', `{${app.context.log.shardOf(`conversation:${conversation.id}`)}}`),
    )
    process.kill(cluster.masters[Math.floor((slot * 3) / 16_384)]?.pid ?? Number.NaN, 'SIGKILL')
    await sendAll(ann, conversation.id, upTo(5, 'while it is dead'))
    await stream.ended // the replica's epoch is another one
    await until(app.context.redisReady)
    const again = await aStream(bob, app, stream.events.at(-1)?.id)
    expect(again.events[0]?.data).toMatchObject({ verdict: 'reset' })
    await sendAll(ann, conversation.id, ['after'])
    await expect.poll(() => textsOf(again).at(-1), deadline).toBe('after')
    await outboxesAreEmpty(app)
  }, 120_000)
})
