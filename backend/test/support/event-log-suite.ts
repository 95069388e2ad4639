import { randomUUID } from 'node:crypto'
import { beforeEach, expect, it } from 'vitest'
import type { Channel, Entry, EventLog, LogLimits } from '../../src/realtime/log/log.js'
import { type EntryId, idIn, isAfter, origin } from '../../src/realtime/log/position.js'
import { controlChannel } from '../../src/realtime/log/shards.js'

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1)

/** What the log of the suite is to be made with. */
export const suiteLimits: LogLimits = { entriesPerChannel: 50, ttlSeconds: 3600 }
const limits = suiteLimits

/** What every event log promises. @param create makes an empty one */
export const promisesOfAnEventLog = (create: () => EventLog): void => {
  let log: EventLog
  let arrived: { channel: Channel; id: EntryId | undefined; text: string }[]
  let channel: Entry['channel']
  const control = (): Channel => controlChannel(log.shardOf(channel))
  /** Where the log stands in the shard of the channel. */
  const headId = async (): Promise<EntryId> => idIn((await log.head()).position, log.shardOf(channel))
  const texts = () => arrived.map(({ text }) => text)
  const anEntry = (text: string, entry: Partial<Entry> = {}): Entry => ({
    channel,
    eventId: randomUUID(),
    frame: Buffer.from(text),
    ...entry,
  })
  const logged = async (of: Channel = channel): Promise<string[]> =>
    (await log.read(of, origin, await headId(), 1000)).entries.map(({ frame }) => frame.toString())
  /** Another channel that the same shard keeps. */
  const anotherOf = (shard: number): Entry['channel'] => {
    const other: Entry['channel'] = `user:${randomUUID()}`
    return log.shardOf(other) === shard ? other : anotherOf(shard)
  }
  const listenTo = (to: EventLog) => {
    arrived = []
    to.listen({
      frame: (of, id, frame) => void arrived.push({ channel: of, id, text: frame.toString() }),
      gap: () => undefined,
      restored: () => undefined,
    })
  }

  beforeEach(async () => {
    log = create()
    channel = `conversation:${randomUUID()}`
    listenTo(log)
    await log.subscribe([channel])
    await log.subscribe([control()])
  })

  it('publishes what it stores, in the order of its ids', async () => {
    for (const n of upTo(5)) expect(await log.append(anEntry(`event ${n}`))).toMatchObject({ outcome: 'appended' })
    await expect.poll(texts).toEqual(upTo(5).map((n) => `event ${n}`))
    expect(await logged()).toEqual(texts())
    for (const [n, { id }] of arrived.entries()) if (n > 0) expect(isAfter(id ?? origin, arrived[n - 1]?.id ?? origin)).toBe(true)
    expect(isAfter(arrived.at(-1)?.id ?? origin, await headId())).toBe(false)
  })

  it('keeps one order for all channels of a shard, and the newest entry and the floor of each', async () => {
    const other = anotherOf(log.shardOf(channel))
    await log.append(anEntry('a'))
    await log.append({ ...anEntry('b'), channel: other })
    const states = await log.states([channel, other, `user:${randomUUID()}`])
    expect(isAfter(states[1]?.last ?? origin, states[0]?.last ?? origin)).toBe(true)
    expect(states[2]).toEqual({ last: origin, floor: origin })
  })

  it('tells who asks for a seq in an unknown channel that it needs the base', async () => {
    expect(await log.append(anEntry('five', { seq: 5 }))).toMatchObject({ outcome: 'need-base' })
    expect(await logged()).toEqual([])
    await log.setBase(channel, 4)
    expect(await log.append(anEntry('five', { seq: 5 }))).toMatchObject({ outcome: 'appended' })
    expect(await logged()).toEqual(['five'])
  })

  it('sets a base once: a later one does not take the channel back', async () => {
    await log.setBase(channel, 4)
    await log.append(anEntry('five', { seq: 5 }))
    await log.setBase(channel, 2)
    expect(await log.append(anEntry('six', { seq: 6 }))).toMatchObject({ outcome: 'appended' })
    expect(await logged()).toEqual(['five', 'six'])
  })

  it('holds what comes early until its predecessor is there, whoever appends first', async () => {
    await log.setBase(channel, 0)
    expect(await log.append(anEntry('3', { seq: 3 }))).toMatchObject({ outcome: 'held' })
    expect(await log.append(anEntry('2', { seq: 2 }))).toMatchObject({ outcome: 'held' })
    expect(await logged()).toEqual([])
    expect(await log.append(anEntry('1', { seq: 1 }))).toMatchObject({ outcome: 'appended' })
    expect(await logged()).toEqual(['1', '2', '3'])
    await expect.poll(texts).toEqual(['1', '2', '3'])
  })

  it('takes a seq that it has for appended, and tells it once', async () => {
    await log.setBase(channel, 0)
    const entry = anEntry('1', { seq: 1 })
    await log.append(entry)
    expect(await log.append(entry)).toMatchObject({ outcome: 'appended' })
    expect(await logged()).toEqual(['1'])
  })

  it('finds a repeated event without a seq by its id', async () => {
    const entry = anEntry('edited')
    await log.append(entry)
    await log.append(anEntry('another'))
    expect(await log.append(entry)).toMatchObject({ outcome: 'appended' })
    expect(await logged()).toEqual(['edited', 'another'])
  })

  it('finds a repeated event that the channel does not keep any more', async () => {
    const entry = anEntry('edited')
    await log.append(entry)
    for (const n of upTo(limits.entriesPerChannel + 7)) await log.append(anEntry(String(n)))
    expect(await log.append(entry)).toMatchObject({ outcome: 'appended' })
    expect((await logged()).at(-1)).toBe(String(limits.entriesPerChannel + 7))
  })

  it('forgets the oldest of what was repeated where that is ten times what the channel keeps', async () => {
    const entry = anEntry('edited')
    await log.append(entry)
    for (const n of upTo(12 * limits.entriesPerChannel)) await log.append(anEntry(String(n)))
    await log.append(entry)
    expect((await logged()).at(-1)).toBe('edited')
  })

  it('tells the hubs before the event what they must know for it', async () => {
    await log.append(anEntry('welcome', { control: { joined: 'x' } }))
    await expect
      .poll(() => arrived.map((each) => [each.channel, each.text]))
      .toEqual([
        [control(), '{"joined":"x"}'],
        [channel, 'welcome'],
      ])
    expect(await logged(control())).toEqual(['{"joined":"x"}'])
  })

  it('keeps so many entries a channel, and says up to where it has forgotten', async () => {
    for (const n of upTo(limits.entriesPerChannel + 7)) await log.append(anEntry(String(n)))
    expect(await logged()).toEqual(
      upTo(limits.entriesPerChannel + 7)
        .slice(7)
        .map(String),
    )
    await expect.poll(() => arrived.length).toBe(limits.entriesPerChannel + 7)
    const [state] = await log.states([channel])
    expect(state?.floor).toBe(arrived[6]?.id)
    expect((await log.read(channel, origin, arrived.at(-1)?.id ?? origin, 1)).floor).toBe(arrived[6]?.id)
  })

  it('reads page by page, after one position and up to another', async () => {
    for (const n of upTo(10)) await log.append(anEntry(String(n)))
    await expect.poll(() => arrived.length).toBe(10)
    const id = (n: number) => arrived[n - 1]?.id ?? origin
    const read = async (after: EntryId, last: EntryId, count: number) =>
      (await log.read(channel, after, last, count)).entries.map(({ frame }) => frame.toString())
    expect(await read(id(2), id(8), 4)).toEqual(['3', '4', '5', '6'])
    expect(await read(id(6), id(8), 4)).toEqual(['7', '8'])
    expect(await read(id(8), id(8), 4)).toEqual([])
  })

  it('removes what is purged, refuses it from then on, and goes on', async () => {
    await log.setBase(channel, 0)
    await log.append(anEntry('one', { seq: 1, messageId: 'm1' }))
    await log.append(anEntry('edit of one', { messageId: 'm1' }))
    await log.append(anEntry('three', { seq: 3, messageId: 'm3' }))
    await log.purge(channel, 'm1')
    await log.purge(channel, 'm2')
    expect(await log.append(anEntry('two', { seq: 2, messageId: 'm2' }))).toMatchObject({ outcome: 'appended' })
    expect(await log.append(anEntry('late edit of one', { messageId: 'm1' }))).toMatchObject({ outcome: 'appended' })
    await log.append(anEntry('one is deleted'))
    expect(await logged()).toEqual(['three', 'one is deleted'])
  })

  it('passes over what never comes: what was held goes on, and every older position has a gap', async () => {
    await log.setBase(channel, 0)
    await log.append(anEntry('1', { seq: 1 }))
    await expect.poll(() => arrived.length).toBe(1)
    const before = arrived[0]?.id ?? origin
    await log.append(anEntry('3', { seq: 3 }))
    expect(await log.passOver(channel, 1)).toBe(false)
    expect(await log.passOver(channel, 2)).toBe(true)
    expect(await logged()).toEqual(['1', '3'])
    const [state] = await log.states([channel])
    expect(isAfter(state?.floor ?? origin, before)).toBe(true)
    expect(await log.append(anEntry('2', { seq: 2 }))).toMatchObject({ outcome: 'appended' }) // too late: passed over
    await expect
      .poll(() => arrived.filter((each) => each.channel === control()).map(({ text }) => JSON.parse(text)))
      .toEqual([{ gap: channel }])
    expect(await logged()).toEqual(['1', '3'])
  })

  it('tells what is only told: no id, no log', async () => {
    await log.tell(channel, Buffer.from('typing'))
    await expect.poll(() => arrived).toEqual([{ channel, id: undefined, text: 'typing' }])
    expect(await logged()).toEqual([])
  })

  it('moves its head with a tick, which every hub hears', async () => {
    await log.append(anEntry('a'))
    const before = await headId()
    await log.tick()
    const after = await headId()
    expect(isAfter(after, before)).toBe(true)
    await expect.poll(() => arrived.at(-1)).toMatchObject({ channel: control(), text: '' })
    expect(isAfter(arrived.at(-1)?.id ?? origin, after)).toBe(false)
  })

  it('answers with one epoch', async () => {
    const [appended, head] = [await log.append(anEntry('a')), await log.head()]
    expect(appended.epoch).toBe(head.epoch)
    expect(head.epoch).not.toBe('')
  })

  it('tells nobody who no longer subscribes', async () => {
    log.unsubscribe(channel)
    await log.append(anEntry('unheard'))
    await log.tick()
    await expect.poll(() => arrived.length).toBe(1)
    expect(arrived[0]?.channel).toBe(control())
  })
}
