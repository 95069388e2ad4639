import { randomUUID } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toObjectId } from '../src/http/ids.js'
import { encodeFrame } from '../src/realtime/catalogue.js'
import { aTalk } from './support/drops.js'
import { aGroup } from './support/people.js'
import { RawReader } from './support/raw-reader.js'
import { startTestApp, type TestApp } from './support/test-app.js'

type Conversation = `conversation:${string}`

const MiB = 1024 * 1024
const large = { count: 2048, bytes: 32 * 1024 } // 64 MiB
const batch = 16
const small = { count: large.count / batch, bytes: 200 }
const mostGrowthBytes = 16 * MiB
const crowd = { people: 10, sessions: 10, streams: 10 } // as many as one session may have
const testTimeoutMs = 300_000
const waiting = { timeout: 60_000, interval: 5 }
const standstill = { timeout: 120_000 }

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')
/** What this process really holds. */
const heldBytes = (): number => {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

let app: TestApp
let neighbour: TestApp // publishes
const readers = new Set<RawReader>()

beforeAll(async () => {
  const log = { EVENT_LOG_ENTRIES: String(2 * large.count), EVENT_LOG_TTL: '10m' }
  app = await startTestApp(log)
  neighbour = await startTestApp({ ...log, MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
})
afterAll(async () => {
  for (const reader of readers) reader.close()
  await neighbour.close()
  await app.close()
})

const aReader = async (accessToken: string, headers: Record<string, string> = {}): Promise<RawReader> => {
  const reader = await RawReader.open(app.url, { Authorization: `Bearer ${accessToken}`, ...headers })
  readers.add(reader)
  await expect.poll(() => reader.verdict, waiting).toBeDefined()
  return reader
}

/** Streams of many sessions of the members of one group. */
const aCrowd = async (): Promise<{ channel: Conversation; crowd: RawReader[] }> => {
  const { members, conversation } = await aGroup(app, crowd.people)
  const all: RawReader[] = []
  for (const { id } of members) {
    for (let session = 0; session < crowd.sessions; session++) {
      const { accessToken } = await app.context.sessions.open({ _id: toObjectId(id) }, null)
      all.push(...(await Promise.all(Array.from({ length: crowd.streams }, () => aReader(accessToken)))))
    }
  }
  return { channel: `conversation:${conversation.id}`, crowd: all }
}

const publish = (channel: Conversation, n: number, bytes: number) => {
  const frame = encodeFrame('message.created', { n, filler: 'x'.repeat(bytes) })
  return neighbour.context.log.append({ channel, eventId: randomUUID(), frame, seq: n + 1 })
}
const startLog = (channel: Conversation) => neighbour.context.log.setBase(channel, 0)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

describe('a client that does not read', () => {
  it(
    'is cut off, costs the worker next to nothing, keeps nothing from a thousand others, and comes back to exactly what it missed',
    async () => {
      const { bob, ann, conversation } = await aTalk(app)
      const flood: Conversation = `conversation:${conversation.id}`
      const { channel, crowd: others } = await aCrowd()
      await Promise.all([flood, channel].map(startLog))
      const fast = await aReader(ann.accessToken)
      const slow = await aReader(bob.accessToken)
      slow.stop()

      const before = heldBytes()
      let mostGrowth = 0
      for (let round = 0; round < small.count; round++) {
        await Promise.all(upTo(batch).map((n) => publish(flood, round * batch + n, large.bytes)))
        await publish(channel, round, small.bytes)
        await expect.poll(() => fast.numbers.length, waiting).toBe((round + 1) * batch)
        if (round % 8 === 7) mostGrowth = Math.max(mostGrowth, heldBytes() - before)
      }
      expect(fast.numbers).toEqual(upTo(large.count))
      await expect.poll(() => others.every(({ numbers }) => numbers.length === small.count), waiting).toBe(true)
      for (const { numbers } of others) expect(numbers).toEqual(upTo(small.count))
      expect(mostGrowth).toBeLessThan(mostGrowthBytes)
      // At once, or after a minute: where Redis had dropped the worker meanwhile, it was being told from the log, at its own pace.
      await expect.poll(() => app.context.hub.slowDisconnects, standstill).toBe(1)
      expect(app.context.hub.streamsOf(bob.id)).toBe(0)

      await slow.drain()
      expect(slow.numbers.length).toBeLessThan(large.count)
      const again = await aReader(bob.accessToken, { 'Last-Event-ID': slow.position ?? '' })
      await expect.poll(() => again.numbers.at(-1), waiting).toBe(large.count - 1)
      expect(again.verdict).toBe('exact')
      expect([...slow.numbers, ...again.numbers]).toEqual(upTo(large.count))
    },
    testTimeoutMs,
  )
})
