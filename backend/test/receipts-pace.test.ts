import { describe, expect, it } from 'vitest'
import { ReceiptLane } from '../src/features/receipts/lane.js'
import { Pace } from '../src/features/receipts/pace.js'
import type { Rise } from '../src/features/receipts/raise.js'

const aMember = (n: number, conversationId = 'c') => ({ conversationId, userId: `u${n}` })
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

/** Notes members at the given moments, looks every 50 ms, and says at which moments how many were told. */
const told = (pace: Pace, notes: readonly (readonly [at: number, member: number])[], until: number): (readonly [number, number])[] => {
  const moments: (readonly [number, number])[] = []
  for (let now = 0; now <= until; now += 50) {
    for (const [at, member] of notes) if (at > now - 50 && at <= now) pace.note(aMember(member), now)
    const due = pace.due(now)
    if (due.length > 0) moments.push([now, due.length])
  }
  return moments
}

describe('the pace of receipts', () => {
  it('tells of the first change at once, and of what has become of it a second later', () => {
    expect(
      told(
        new Pace(),
        [0, 50, 100, 150, 900].map((at) => [at, 1]),
        5000,
      ),
    ).toEqual([
      [0, 1],
      [1000, 1],
    ])
  })

  it('tells of two who talk with each other at once, each for itself', () => {
    const notes = [
      [0, 1],
      [300, 2],
      [400, 1],
      [500, 2],
    ] as const
    expect(told(new Pace(), notes, 5000)).toEqual([
      [0, 1],
      [300, 1],
      [1000, 1],
      [1300, 1],
    ])
  })

  it('tells of many at once in one go, and then of all who wait once a second', () => {
    const notes = [...upTo(500).map((n) => [0, n] as const), ...upTo(500).map((n) => [100 + n, n] as const)]
    expect(told(new Pace(), notes, 5000)).toEqual([
      [0, 500],
      [1000, 500],
    ])
  })

  it('never tells of more than five one by one in a second, nor of a member twice, whatever comes', () => {
    const pace = new Pace()
    const events: number[] = []
    const lastTold = new Map<string, number>()
    let random = 1
    for (let now = 0; now < 60_000; now += 10) {
      random = (random * 48_271) % 2_147_483_647 // Park and Miller's
      if (random % 3 > 0) pace.note(aMember(random % 40), now)
      const due = pace.due(now)
      for (const { userId } of due) {
        expect(now - (lastTold.get(userId) ?? -Infinity)).toBeGreaterThanOrEqual(1000)
        lastTold.set(userId, now)
      }
      events.push(...(due.length > 5 ? [now] : due.map(() => now)))
    }
    expect(events.length).toBeGreaterThan(60)
    // Counted over any second, of which the pace's own windows may be two.
    for (const [n, at] of events.entries()) expect((events[n + 10] ?? Infinity) - at).toBeGreaterThanOrEqual(1000)
  })

  it('forgets conversations that are quiet, and takes no more than so many who wait', () => {
    const pace = new Pace()
    const taken = upTo(50_001).map((n) => pace.note(aMember(0, `c${n}`), 0))
    expect(taken.filter(Boolean)).toHaveLength(50_000)
    expect(pace.note(aMember(0, 'c0'), 0)).toBe(true)
    expect(pace.due(0)).toHaveLength(50_000)
    expect([pace.waiting, pace.conversations]).toEqual([0, 50_000])
    pace.due(1000)
    expect(pace.conversations).toBe(0)
  })

  it('tells of all at once when asked to, before an end', () => {
    const pace = new Pace()
    for (const n of upTo(3)) pace.note(aMember(n), 0)
    pace.due(0)
    for (const n of upTo(9)) pace.note(aMember(n), 10)
    expect(pace.due(10)).toEqual([])
    expect(pace.due(10, true)).toHaveLength(9)
    expect(pace.waiting).toBe(0)
  })
})

describe('the lane of receipts', () => {
  const aRise = (member: number, seq: number): Rise => ({ ...aMember(member), deliveredSeq: seq, readSeq: seq, tell: seq % 2 === 0 })

  it('joins what comes for a member, and stores many members in one write', async () => {
    const writes: Rise[][] = []
    const lane = new ReceiptLane((rises) => Promise.resolve(void writes.push([...rises])))
    await Promise.all(upTo(100).map((n) => lane.raise(aRise(n % 5, n))))
    expect(writes).toHaveLength(1)
    expect(writes[0]?.map(({ readSeq, tell }) => [readSeq, tell])).toEqual([95, 96, 97, 98, 99].map((seq) => [seq, true]))
  })

  it('waits for what else comes within its window', async () => {
    const writes: Rise[][] = []
    const lane = new ReceiptLane((rises) => Promise.resolve(void writes.push([...rises])), 600_000)
    const asked: Promise<void>[] = []
    for (const n of upTo(10)) {
      asked.push(lane.raise(aRise(n % 2, n)))
      await new Promise(setImmediate)
    }
    expect(writes).toEqual([])
    await lane.settled() // ends the window
    await Promise.all(asked)
    expect(writes.map((rises) => rises.map(({ readSeq }) => readSeq))).toEqual([[8, 9]])
  })

  it('answers nobody before it is stored, and each with what became of it', async () => {
    let store = (): void => undefined
    const storing = new Promise<void>((resolve) => {
      store = resolve
    })
    let answered = 0
    const lane = new ReceiptLane(() => storing.then(() => Promise.reject(new Error('the database is away'))))
    const asked = upTo(3).map((n) => lane.raise(aRise(n, 1)).finally(() => (answered += 1)))
    const settling = lane.settled()
    await new Promise(setImmediate)
    expect(answered).toBe(0)
    store()
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    await settling
  })

  it('refuses what is over its bound with 503, and takes again when there is room', async () => {
    const lane = new ReceiptLane(() => Promise.resolve())
    const waiting = upTo(20_000).map((n) => lane.raise(aRise(n % 100, n)))
    await expect(lane.raise(aRise(1, 1))).rejects.toMatchObject({ code: 'service_unavailable' })
    await Promise.all(waiting)
    await lane.raise(aRise(1, 1))
  })
})
