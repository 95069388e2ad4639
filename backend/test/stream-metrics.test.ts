import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PublishLatency } from '../src/realtime/publish-latency.js'
import { aDirectConversation } from './support/people.js'
import { Scrape } from './support/scrape.js'
import { SseClient } from './support/sse-client.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const deadlineMs = 10_000
let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

const scrape = () => Scrape.of(app.url)
const valueOf = async (name: string, labels: Record<string, string> = {}) => (await scrape()).value(name, labels)

const openStream = async (accessToken: string, headers: Record<string, string> = {}): Promise<SseClient> => {
  const stream = await SseClient.open(`${app.url}/sse`, { headers: { authorization: `Bearer ${accessToken}`, ...headers } })
  await stream.waitFor(({ event }) => event === 'resume', deadlineMs)
  return stream
}

describe('what is told of streams', () => {
  it('is how many are open, what became of positions, and how many events each was written, live and replayed', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    await app.context.mongo.connection
      .collection('conversations')
      .updateOne({ _id: new Types.ObjectId(conversation.id) }, { $set: { 'members.$[].joinedAt': new Date(0) } }) // who has just come is told to fetch
    const before = await scrape()
    const [anns, bobs] = [await openStream(ann.accessToken), await openStream(bob.accessToken)]
    expect(await valueOf('sse_streams')).toBe(2)
    const texts = ['one', 'two', 'three']
    for (const text of texts) await ann.send(conversation.id, { clientId: randomUUID(), text }).expect(201)
    const told = (stream: SseClient) => stream.events.filter(({ event }) => event === 'message.created').length
    await expect.poll(() => told(anns) + told(bobs)).toBe(6)
    const resumed = anns.events.find(({ event }) => event === 'resume')
    const passing = new Set(['resume', 'presence', 'typing'])
    const eventsOf = ({ events }: SseClient) => events.filter(({ event }) => !passing.has(event)).length
    const delivered = async () => ((await valueOf('sse_events_delivered_total')) ?? 0) - (before.value('sse_events_delivered_total') ?? 0)
    await expect.poll(async () => (await delivered()) - eventsOf(anns) - eventsOf(bobs)).toBe(0)
    await anns.close()
    await expect.poll(() => valueOf('sse_streams')).toBe(1)

    const again = await openStream(ann.accessToken, { 'Last-Event-ID': resumed?.id ?? '' })
    await expect.poll(() => told(again)).toBe(3)
    await expect.poll(async () => (await delivered()) - eventsOf(anns) - eventsOf(bobs) - eventsOf(again)).toBe(0)
    const after = await scrape()
    for (const [verdict, count] of [
      ['live', 2],
      ['exact', 1],
      ['partial', 0],
      ['reset', 0],
    ] as const) {
      expect(after.value('sse_resume_total', { verdict })).toBe((before.value('sse_resume_total', { verdict }) ?? 0) + count)
    }
    expect(after.value('sse_slow_disconnects_total')).toBe(0)
    await again.close()
    await bobs.close()
  })

  it('is how long it takes from a commit to the socket, where a stream here tells of it', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const count = 'event_publish_to_socket_seconds_count'
    const before = (await valueOf(count)) ?? 0
    await ann.send(conversation.id, {}).expect(201) // nobody hears of it here
    const stream = await openStream(ann.accessToken)
    await expect
      .poll(async () => {
        await ann.send(conversation.id, {}).expect(201) // one of them is due to be measured
        return valueOf(count)
      })
      .toBeGreaterThan(before)
    const seconds = (await valueOf('event_publish_to_socket_seconds_sum')) ?? 0
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThan(deadlineMs / 1000)
    await stream.close()
  })
})

describe('the time from a commit to the socket', () => {
  const frame = Buffer.from('event: a\ndata: {}\n\n')
  const aLatency = () => {
    const measured: number[] = []
    return { measured, latency: new PublishLatency((seconds) => void measured.push(seconds)) }
  }

  it('ends when the streams are written, not when the event comes', () => {
    const { measured, latency } = aLatency()
    latency.expect('user:a', frame, performance.now() - 5000)
    latency.arrived('user:a', Buffer.from(frame))
    expect(measured).toEqual([])
    latency.written()
    expect(measured).toEqual([expect.closeTo(5, 0)])
    latency.written()
    expect(measured).toHaveLength(1)
  })

  it('is that of the event itself, not of another one in its channel', () => {
    const { measured, latency } = aLatency()
    latency.expect('user:a', frame, performance.now())
    latency.arrived('user:a', Buffer.from('event: b\ndata: {}\n\n'))
    latency.arrived('user:b', frame)
    latency.written()
    expect(measured).toEqual([])
  })

  it('is measured of a few of many', () => {
    const { latency } = aLatency()
    const taken = Array.from({ length: 1000 }, () => latency.committed()).filter((at) => at !== undefined)
    expect(taken.length).toBeGreaterThan(0)
    expect(taken.length).toBeLessThan(100)
  })

  it('waits for a bounded number, and gives up those that never come', () => {
    const { measured, latency } = aLatency()
    const old = performance.now() - 60_000
    for (let n = 0; n < 100; n++) latency.expect(`user:${n}`, frame, old)
    latency.expect('user:late', frame, performance.now())
    latency.arrived('user:50', frame)
    latency.arrived('user:late', frame)
    latency.written()
    expect(measured).toHaveLength(1)
  })
})
