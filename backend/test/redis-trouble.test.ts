import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, inject, it, vi } from 'vitest'
import { origin } from '../src/realtime/log/position.js'
import {
  afterwards,
  aNeighbour,
  anApp,
  aStream,
  at,
  deadline,
  hasEnded,
  longAgo,
  outboxesAreEmpty,
  sendAll,
  textsOf,
  upTo,
} from './support/listening.js'
import { logOf } from './support/message-stream.js'
import { aDirectConversation, aPerson } from './support/people.js'
import { type RedisServer, startRedis } from './support/redis-server.js'
import { until } from './support/redis-server-clients.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'

const soon = { forgetAfterMs: 1000 }
/** A Redis that pages, or whose machine is moved, may stand still for so long; streams wait for a minute. */
const pauseMs = 30_000

describe.each([1, 4])('a lost connection to Redis, with %i shards', (shards) => {
  const spread = { REDIS_SHARDS: String(shards) }

  it('is lived through: what is sent meanwhile, here and elsewhere, is stored, and told once and in order when it is back', async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    afterwards(() => proxy.close())
    const elsewhere = await anApp(spread, soon)
    const cutOff = await aNeighbour(elsewhere, { ...spread, REDIS_URL: through(inject('redisUrl'), proxy) }, soon)
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
    await outboxesAreEmpty(elsewhere)
  }, 120_000)
})

describe('what a lost connection made unsure', () => {
  const few = { EVENT_LOG_ENTRIES: '10' }

  /** A worker that can be cut off from Redis, another one, and a stream at the first. */
  const cutOffWorker = async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    afterwards(() => proxy.close())
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
    const { proxy, elsewhere, cutOff, ann, bob, carol, conversation, ofBob, ofCarol } = await cutOffWorker()
    await sendAll(ann, conversation.id, upTo(15, 'too many'))
    await expect.poll(() => logOf(elsewhere, conversation.id)).toContain('too many 15')
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
    const others = await Promise.all(upTo(6, 'other').map(() => aPerson(elsewhere)))
    for (const other of others) await ann.post('/conversations', { type: 'direct', userId: other.id }).expect(201) // two messages to the hubs
    const logs = () => elsewhere.context.log.states(others.map(({ id }) => `user:${id}` as const))
    await expect.poll(async () => (await logs()).filter(({ last }) => last === origin)).toEqual([]) // with what the hubs are told
    await sendAll(ann, conversation.id, ['meanwhile'])
    proxy.restore()
    await Promise.all([ofBob.ended, ofCarol.ended])
    const again = await aStream(bob, cutOff, ofBob.events.at(-1)?.id)
    expect(again.events[0]?.data).toMatchObject({ verdict: 'exact' })
    await expect.poll(() => textsOf(again)).toEqual(['meanwhile'])
  })
})

describe('a Redis of one’s own', () => {
  /** Redis, a worker there, and two who talk; Bob listens. */
  const aTalk = async (settings: readonly string[] = []) => {
    let server = await startRedis({ settings })
    afterwards(() => server.stop())
    const { port } = server
    const app = await anApp({ REDIS_URL: `redis://127.0.0.1:${port}` }, soon)
    const { ann, bob, conversation } = await aDirectConversation(app)
    const stream = await aStream(bob, app)
    await sendAll(ann, conversation.id, ['before'])
    await expect.poll(() => textsOf(stream), deadline).toEqual(['before'])
    await longAgo(app)
    const kill = async () => {
      process.kill(server.pid, 'SIGKILL')
      await expect.poll(app.context.redisReady, deadline).toBe(false)
    }
    /** Starts it again at its port, with what it kept. */
    const restart = async () => {
      const old = server
      old.admin.disconnect()
      server = await startRedis({ settings, port, folder: old.folder })
      await until(app.context.redisReady, deadline.timeout)
    }
    return { app, server, ann, bob, conversation, stream, kill, restart }
  }

  /** Bob's stream has ended; he comes back to a reset, hears what is new, and nothing is left to be told. */
  const isReset = async ({
    app,
    ann,
    bob,
    conversation,
    stream,
  }: Pick<Awaited<ReturnType<typeof aTalk>>, 'app' | 'ann' | 'bob' | 'conversation' | 'stream'>) => {
    await stream.ended
    const again = await aStream(bob, app, stream.events.at(-1)?.id)
    expect(again.events[0]?.data).toMatchObject({ verdict: 'reset' })
    await sendAll(ann, conversation.id, ['after'])
    await expect.poll(() => textsOf(again).at(-1), deadline).toBe('after')
    await outboxesAreEmpty(app)
  }

  it.each([
    ['empty', []],
    ['with its append-only file', ['--appendonly', 'yes', '--appendfsync', 'everysec']],
  ])(
    'that is killed and comes back %s may have lost something: streams end and are told to fetch all',
    async (_name, settings) => {
      const talk = await aTalk(settings)
      await talk.kill()
      await sendAll(talk.ann, talk.conversation.id, upTo(5, 'while it is dead'))
      await talk.restart()
      await isReset(talk)
      const { body } = await talk.bob.get(`/conversations/${talk.conversation.id}/messages`).expect(200)
      expect(body.items.map(({ text }: { text: string }) => text)).toEqual(['before', ...upTo(5, 'while it is dead'), 'after'])
    },
    120_000,
  )

  it('that stands still for 30 s is given up, and taken again when it goes on: streams live and miss nothing', async () => {
    const { app, server, ann, conversation, stream } = await aTalk()
    const ended = hasEnded(stream)
    const texts: string[] = []
    const say = async (text: string) => {
      texts.push(text)
      await sendAll(ann, conversation.id, [text])
    }
    process.kill(server.pid, 'SIGSTOP')
    try {
      for (const goesOnAt = Date.now() + pauseMs; Date.now() < goesOnAt; await sleep(pauseMs / 30)) await say(`pause ${texts.length + 1}`)
      await expect.poll(app.context.redisReady, deadline).toBe(false)
      await say('when it is given up')
    } finally {
      process.kill(server.pid, 'SIGCONT')
    }
    await until(app.context.redisReady, deadline.timeout)
    await say('when it goes on')
    await expect.poll(() => textsOf(stream), deadline).toEqual(['before', ...texts])
    expect(ended.value).toBe(false)
    await outboxesAreEmpty(app)
  }, 180_000)

  it('that disconnects a subscriber which does not keep up has it back: streams live and miss nothing', async () => {
    const { app, server, ann, conversation, stream } = await aTalk(['--client-output-buffer-limit', 'pubsub 65536 0 0'])
    const ended = hasEnded(stream)
    const lost = vi.spyOn(app.context.hub, 'gap')
    // In one step of Redis: more for the subscriber than its buffer takes.
    await server.admin.eval(
      "for n = 1, 40 do redis.call('PUBLISH', KEYS[1], '\\n:' .. string.rep('x', 65536) .. '\\n\\n') end",
      1,
      await aChannel(server),
    )
    await expect.poll(() => lost.mock.calls.length, deadline).toBeGreaterThan(0)
    const texts = upTo(20, 'after it')
    await sendAll(ann, conversation.id, texts)
    await expect.poll(() => textsOf(stream), deadline).toEqual(['before', ...texts])
    expect(ended.value).toBe(false)
    await outboxesAreEmpty(app)
  }, 120_000)
})

describe('a Redis under Sentinel', () => {
  it('that fails over to its replica ends streams, which come back to a reset; messages are stored meanwhile', async () => {
    const master = await startRedis()
    const replica = await startRedis({ settings: ['--replicaof', '127.0.0.1', String(master.port), '--repl-diskless-sync-delay', '0'] })
    await until(async () => (await replica.admin.info('replication')).includes('master_link_status:up'), deadline.timeout)
    const lines = [
      `sentinel monitor chat 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds chat 1000',
      'sentinel failover-timeout chat 5000',
    ]
    const sentinel = await startRedis({ sentinel: lines })
    for (const server of [master, replica, sentinel]) afterwards(() => server.stop())
    await until(
      async () => JSON.stringify(await sentinel.admin.call('SENTINEL', 'REPLICAS', 'chat')).includes(`"${replica.port}"`),
      deadline.timeout,
    )
    const app = await anApp({ REDIS_URL: '', REDIS_SENTINELS: `127.0.0.1:${sentinel.port}`, REDIS_SENTINEL_NAME: 'chat' }, soon)
    const { ann, bob, conversation } = await aDirectConversation(app)
    const stream = await aStream(bob, app)
    await sendAll(ann, conversation.id, ['before'])
    await expect.poll(() => textsOf(stream), deadline).toEqual(['before'])
    process.kill(master.pid, 'SIGKILL')
    await sendAll(ann, conversation.id, upTo(5, 'while it fails over'))
    await stream.ended
    await until(app.context.redisReady, deadline.timeout)
    const again = await aStream(bob, app, stream.events.at(-1)?.id)
    expect(again.events[0]?.data).toMatchObject({ verdict: 'reset' })
    await sendAll(ann, conversation.id, ['after'])
    await expect.poll(() => textsOf(again).at(-1), deadline).toBe('after')
    await outboxesAreEmpty(app)
  }, 120_000)
})

/** A channel that somebody subscribes to. */
const aChannel = async (server: RedisServer): Promise<string> => {
  const [channel] = (await server.admin.pubsub('CHANNELS', '*')) as string[]
  if (channel === undefined) throw new Error('nobody subscribes')
  return channel
}
