import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { RedisSubscriber } from '../src/platform/redis-subscriber.js'
import type { Channel, Entry, EventLog, LogLimits } from '../src/realtime/log/log.js'
import { MemoryLog } from '../src/realtime/log/memory-log.js'
import { isAfter, origin } from '../src/realtime/log/position.js'
import { RedisLog } from '../src/realtime/log/redis-log.js'
import { controlChannel } from '../src/realtime/log/shards.js'
import { promisesOfAnEventLog, suiteLimits } from './support/event-log-suite.js'

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1)
const limits = suiteLimits
const connections: Redis[] = []
const aConnection = (): Redis => {
  const connection = new Redis(inject('redisUrl'))
  connections.push(connection)
  return connection
}
let commands: Redis
let subscriber: RedisSubscriber
beforeAll(() => {
  commands = aConnection()
  subscriber = new RedisSubscriber(aConnection().setMaxListeners(0)) // a log a test, all on this connection
})
afterAll(() => {
  for (const connection of connections) connection.disconnect()
})

const inRedis = (given: LogLimits, generation: string, shards = 1): RedisLog =>
  new RedisLog({ commands, subscriber, generation: () => generation, limits: given, shards })
const kinds: [string, () => EventLog][] = [
  ['in Redis', () => inRedis(limits, randomUUID())],
  ['in Redis, over 5 shards', () => inRedis(limits, randomUUID(), 5)],
  ['in memory', () => new MemoryLog(limits)],
]

describe.each(kinds)('the event log %s', (_name, create) => promisesOfAnEventLog(create))

describe('the epoch of the log in Redis', () => {
  const epochOf = async (generation: string, shards = 1) => (await inRedis(limits, generation, shards).head()).epoch

  it('is the same for every worker', async () => {
    const generation = randomUUID()
    expect(await epochOf(generation)).toBe(await epochOf(generation))
  })

  it('is another one for another generation of the database', async () => {
    expect(await epochOf(randomUUID())).not.toBe(await epochOf(randomUUID()))
  })

  it('is another one for another number of shards', async () => {
    const generation = randomUUID()
    expect(new Set([await epochOf(generation), await epochOf(generation, 2), await epochOf(generation, 3)]).size).toBe(3)
  })

  it.each([
    [1, 0],
    [3, 2],
  ])('of %i shards is another one once the keys of shard %i are gone, and the answer to an append says so', async (shards, lost) => {
    const generation = randomUUID()
    const before = await epochOf(generation, shards)
    await commands.del(await commands.keys(`heliograph:{${lost}}:${generation}:*`))
    const after = await epochOf(generation, shards)
    expect(after).not.toBe(before)
    const entry = { channel: `user:${randomUUID()}` as const, eventId: randomUUID(), frame: Buffer.from('x') }
    expect(await inRedis(limits, generation, shards).append(entry)).toMatchObject({ epoch: after })
  })
})

describe('shards', () => {
  it('share the channels about evenly, and each has its own control channel', () => {
    const log = inRedis(limits, randomUUID(), 8)
    const counts = Array.from({ length: 8 }, () => 0)
    for (const _ of upTo(8000)) {
      const shard = log.shardOf(`user:${randomUUID()}`)
      counts[shard] = (counts[shard] ?? 0) + 1
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(200) // six standard deviations
    expect(counts.map((_, shard) => log.shardOf(controlChannel(shard)))).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  it('order each its own: a tick and a head have an id per shard, and what is told of many channels arrives', async () => {
    const log = inRedis(limits, randomUUID(), 4)
    const heard = new Map<Channel, string[]>()
    log.listen({
      frame: (channel, _id, frame) => void heard.set(channel, [...(heard.get(channel) ?? []), frame.toString()]),
      gap: () => undefined,
      restored: () => undefined,
    })
    const channels = upTo(40).map((): Entry['channel'] => `user:${randomUUID()}`)
    await log.subscribe([...channels, ...upTo(4).map((n) => controlChannel(n - 1))])
    for (const text of ['a', 'b']) {
      await Promise.all(channels.map((channel) => log.append({ channel, eventId: randomUUID(), frame: Buffer.from(text) })))
    }
    const before = (await log.head()).position
    await log.tick()
    const after = (await log.head()).position
    expect(after.map((id, shard) => isAfter(id, before[shard] ?? origin))).toEqual([true, true, true, true])
    await expect.poll(() => channels.filter((channel) => heard.get(channel)?.join() === 'a,b').length).toBe(40)
    await expect.poll(() => upTo(4).filter((n) => heard.has(controlChannel(n - 1))).length).toBe(4)
    const states = await log.states([...channels, `user:${randomUUID()}`])
    expect(states.filter(({ last }) => last !== origin)).toHaveLength(40)
  })
})

describe('the log in Redis', () => {
  it('forgets a channel after its time to live', async () => {
    const generation = randomUUID()
    const log = inRedis({ entriesPerChannel: 50, ttlSeconds: 77 }, generation)
    const channel = `conversation:${randomUUID()}` as const
    await log.setBase(channel, 0)
    await log.append({ channel, eventId: randomUUID(), frame: Buffer.from('1'), seq: 1 })
    await log.append({ channel, eventId: randomUUID(), frame: Buffer.from('3'), seq: 3 })
    const keys = await commands.keys(`heliograph:*:${generation}:*:${channel}`)
    expect(keys).toHaveLength(3)
    for (const key of keys) expect(await commands.ttl(key)).toBeGreaterThan(70)
    for (const key of keys) expect(await commands.ttl(key)).toBeLessThanOrEqual(77)
  })
})
