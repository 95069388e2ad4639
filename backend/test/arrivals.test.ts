import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Arrivals } from '../src/features/conversations/index.js'
import { type EntryId, idIn } from '../src/realtime/log/position.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const entries = 100

describe.each([
  ['Redis', {}],
  ['memory', { REDIS_URL: '' }],
])('who comes into a conversation whose log is in %s', (_name, environment: Record<string, string>) => {
  let app: TestApp
  beforeAll(async () => {
    app = await startTestApp(environment)
  })
  afterAll(() => app.close())

  const aConversation = async () => {
    const { log } = app.context
    const id = new Types.ObjectId().toHexString()
    const channel = `conversation:${id}` as const
    await log.setBase(channel, 0)
    const tell = (seq: number) => log.append({ channel, eventId: randomUUID(), frame: Buffer.from(String(seq)), seq })
    const toldAfter = async (since: EntryId | undefined): Promise<number[]> => {
      const upTo = idIn((await log.head()).position, log.shardOf(channel))
      return (await log.read(channel, since ?? '0-0', upTo, entries)).entries.map(({ frame }) => Number(frame.toString()))
    }
    return { log, id, tell, toldAfter }
  }

  it('is told nothing that was said before, though it is told while they come, and all that is said after', async () => {
    const { log, id, tell, toldAfter } = await aConversation()
    const headOf = async () => {
      for (const seq of [1, 2, 3]) await tell(seq) // the third is said after the head was read
      return 2
    }
    const { head, since } = await new Arrivals({ log, headOf }).at(id)
    await tell(4)
    expect(head).toBe(3)
    expect(await toldAfter(since)).toEqual([4])
  })

  it('waits for what was said before and is not told yet', async () => {
    const { log, id, tell, toldAfter } = await aConversation()
    await tell(1)
    let looks = 0
    const standing: typeof log.standing = async (channel) => {
      if (++looks === 3) await tell(2)
      return log.standing(channel)
    }
    const { head, since } = await new Arrivals({ log: { standing }, headOf: async () => 2, patienceMs: 60_000 }).at(id)
    await tell(3)
    expect(head).toBe(2)
    expect(await toldAfter(since)).toEqual([3])
  })

  it('does not wait for long; what was told by then they are not told', async () => {
    const { log, id, tell, toldAfter } = await aConversation()
    await tell(1)
    const { head, since } = await new Arrivals({ log, headOf: async () => 3, patienceMs: 20 }).at(id)
    await tell(2)
    expect(head).toBe(3)
    expect(await toldAfter(since)).toEqual([2])
  })

  it('does not wait where nothing was said for longer than the log lasts', async () => {
    const { log } = await aConversation()
    const { head, since } = await new Arrivals({ log, headOf: async () => 7, patienceMs: 60_000 }).at(new Types.ObjectId().toHexString())
    expect(head).toBe(7)
    expect(since).toBeDefined()
  })
})

it('who comes while the log is away is told from long enough before', async () => {
  const standing = () => Promise.reject(new Error('away'))
  expect(await new Arrivals({ log: { standing }, headOf: async () => 7 }).at('0'.repeat(24))).toEqual({ since: undefined, head: 7 })
})
