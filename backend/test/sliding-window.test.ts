import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SlidingWindow } from '../src/http/sliding-window.js'

/** A window whose time the test tells. */
const aWindow = (options: { points: number; windowMs: number; mostKeys?: number }) => {
  const clock = { now: 1_700_000_000_000 }
  const window = new SlidingWindow({ ...options, now: () => clock.now })
  const ask = (key = 'key') => {
    const { totalHits, resetTime } = window.increment(key)
    return { accepted: totalHits <= options.points, totalHits, waitMs: (resetTime?.getTime() ?? 0) - clock.now }
  }
  return { window, clock, ask }
}

const anyLimit = fc.record({ points: fc.integer({ min: 1, max: 50 }), windowMs: fc.integer({ min: 100, max: 900_000 }) })
/** Pauses between requests, as parts of a window: most short, some longer than two windows. */
const anyPauses = fc.array(
  fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.3, noNaN: true }), fc.double({ min: 0, max: 3, noNaN: true })),
  {
    minLength: 1,
    maxLength: 200,
  },
)

/** The moments, since the first request, at which requests with these pauses before them were accepted. */
const acceptedWith = ({ points, windowMs }: { points: number; windowMs: number }, pauses: readonly number[]): number[] => {
  const { clock, ask } = aWindow({ points, windowMs })
  const start = clock.now
  ask()
  const moments = [0]
  for (const pause of pauses) {
    clock.now += Math.floor(pause * windowMs)
    if (ask().accepted) moments.push(clock.now - start)
  }
  return moments
}

describe('a sliding window', () => {
  it('accepts what it may, then refuses', () => {
    const { ask } = aWindow({ points: 3, windowMs: 1000 })
    expect([ask(), ask(), ask(), ask(), ask()].map(({ accepted, totalHits }) => [accepted, totalHits])).toEqual([
      [true, 1],
      [true, 2],
      [true, 3],
      [false, 4],
      [false, 4],
    ])
  })

  it('does not let twice as many through around the end of a window', () => {
    const { clock, ask } = aWindow({ points: 10, windowMs: 1000 })
    ask()
    clock.now += 999
    for (let n = 0; n < 9; n++) expect(ask().accepted).toBe(true)
    clock.now += 1
    expect(ask().accepted).toBe(false)
    clock.now += 500
    const accepted = Array.from({ length: 10 }, () => ask().accepted).filter(Boolean)
    expect(accepted).toHaveLength(5)
  })

  it('starts anew for who was away for two windows', () => {
    const { clock, ask } = aWindow({ points: 3, windowMs: 1000 })
    for (let n = 0; n < 4; n++) ask()
    clock.now += 2000
    expect([ask(), ask(), ask(), ask()].map(({ accepted }) => accepted)).toEqual([true, true, true, false])
  })

  it('never accepts more than its points from one end of a window to the next', () => {
    fc.assert(
      fc.property(anyLimit, anyPauses, (limit, pauses) => {
        const perWindow = new Map<number, number>()
        for (const moment of acceptedWith(limit, pauses)) {
          const window = Math.floor(moment / limit.windowMs)
          perWindow.set(window, (perWindow.get(window) ?? 0) + 1)
        }
        expect(Math.max(...perWindow.values())).toBeLessThanOrEqual(limit.points)
      }),
    )
  })

  it('never accepts twice its points in any time as long as a window', () => {
    fc.assert(
      fc.property(anyLimit, anyPauses, (limit, pauses) => {
        const moments = acceptedWith(limit, pauses)
        for (const from of moments) {
          const within = moments.filter((moment) => moment >= from && moment < from + limit.windowMs)
          expect(within.length).toBeLessThan(Math.max(2, 2 * limit.points))
        }
      }),
    )
  })

  it('lets through whoever waits as long as they are told, and tells nobody to wait for nothing', () => {
    fc.assert(
      fc.property(anyLimit, anyPauses, ({ points, windowMs }, pauses) => {
        const { clock, ask } = aWindow({ points, windowMs })
        for (const pause of pauses) {
          clock.now += Math.floor(pause * windowMs)
          const refused = ask()
          if (refused.accepted) continue
          expect(refused.waitMs).toBeGreaterThan(0)
          expect(refused.waitMs).toBeLessThanOrEqual(2 * windowMs)
          const early = Math.max(0, refused.waitMs - 2) // a millisecond is lost to rounding up
          clock.now += early
          expect(ask().accepted).toBe(false)
          clock.now += refused.waitMs - early
          expect(ask().accepted).toBe(true)
        }
      }),
    )
  })

  it('does not count what it refuses', () => {
    const { clock, ask } = aWindow({ points: 2, windowMs: 1000 })
    for (let n = 0; n < 1000; n++) ask()
    clock.now += 1500
    expect(ask().accepted).toBe(true)
  })

  it('counts each key alone, and forgets one that is reset', () => {
    const { window, ask } = aWindow({ points: 1, windowMs: 1000 })
    expect([ask('a'), ask('b'), ask('a')].map(({ accepted }) => accepted)).toEqual([true, true, false])
    window.resetKey('a')
    expect(ask('a').accepted).toBe(true)
  })

  it('takes one back', () => {
    const { window, ask } = aWindow({ points: 1, windowMs: 1000 })
    ask()
    window.decrement('key')
    window.decrement('key')
    window.decrement('nobody')
    expect([ask(), ask()].map(({ accepted }) => accepted)).toEqual([true, false])
  })

  it('holds so many keys and no more: the one that was not used for longest is forgotten', () => {
    const { ask } = aWindow({ points: 1, windowMs: 1000, mostKeys: 3 })
    for (const key of ['a', 'b', 'c']) ask(key)
    expect(ask('a').accepted).toBe(false) // used again, so b is now the oldest
    ask('d')
    expect([ask('a'), ask('c'), ask('d')].map(({ accepted }) => accepted)).toEqual([false, false, false])
    expect(ask('b').accepted).toBe(true)
  })

  it('forgets nobody below its bound', () => {
    const { ask } = aWindow({ points: 1, windowMs: 1000, mostKeys: 1000 })
    const keys = Array.from({ length: 1000 }, (_, n) => `key ${n}`)
    for (const key of keys) ask(key)
    expect(keys.filter((key) => ask(key).accepted)).toEqual([])
  })
})
