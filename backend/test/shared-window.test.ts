import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type OwnCounts, SharedWindow } from '../src/http/shared-window.js'

/** Workers' windows, a clock that the test tells, and what all have told. */
const workers = (count: number, { points, windowMs, mostKeys }: { points: number; windowMs: number; mostKeys?: number }) => {
  const clock = { now: 1_700_000_000_000 }
  const all = new Map<string, number>()
  const windows = Array.from(
    { length: count },
    () => new SharedWindow({ points, windowMs, now: () => clock.now, ...(mostKeys === undefined ? {} : { mostKeys }) }),
  )
  const windowOf = (n: number): SharedWindow => {
    const window = windows[n % count]
    if (!window) throw new Error(`no worker ${n}`)
    return window
  }
  const add = (key: string, index: number, own: number): number => {
    const sum = (all.get(`${key}:${index}`) ?? 0) + own
    all.set(`${key}:${index}`, sum)
    return sum
  }
  const tell = (n: number, { meanwhile = () => undefined }: { meanwhile?: () => void } = {}): OwnCounts[] => {
    const taken = windowOf(n).take(1000)
    const sums = taken.map(({ key, index, current, previous }) => ({
      current: add(key, index, current),
      previous: add(key, index - 1, previous),
    }))
    meanwhile()
    for (const [place, own] of taken.entries()) windowOf(n).learn(own, sums[place] ?? { current: 0, previous: 0 })
    return taken
  }
  const ask = (n: number, key = 'key'): boolean => windowOf(n).increment(key).totalHits <= points
  const fill = (n: number, key = 'key'): number => {
    let accepted = 0
    while (accepted <= points && ask(n, key)) accepted += 1
    return accepted
  }
  return { clock, all, windowOf, tell, ask, fill }
}

describe('a window that workers share', () => {
  it('lets so many through at one worker and no more', () => {
    const { fill, ask } = workers(1, { points: 5, windowMs: 1000 })
    expect(fill(0)).toBe(5)
    expect(ask(0, 'another')).toBe(true)
  })

  it('knows what the others counted once they have told it', () => {
    const { ask, tell, fill } = workers(2, { points: 10, windowMs: 1000 })
    for (let n = 0; n < 6; n++) ask(0)
    tell(0)
    ask(1)
    tell(1)
    expect(fill(1)).toBe(3)
  })

  it('counts nothing twice and loses nothing that came while it was told', () => {
    const { all, ask, tell } = workers(1, { points: 100, windowMs: 1000 })
    for (let n = 0; n < 3; n++) ask(0)
    tell(0, { meanwhile: () => void ask(0) })
    tell(0)
    expect(tell(0)).toEqual([])
    expect([...all.values()].filter((sum) => sum > 0)).toEqual([4])
  })

  it('tells of the window before, where it has turned meanwhile', () => {
    const { clock, all, ask, tell, fill } = workers(2, { points: 10, windowMs: 1000 })
    for (let n = 0; n < 8; n++) ask(0)
    clock.now += 1000
    const [told] = tell(0)
    expect(told).toMatchObject({ current: 0, previous: 8 })
    expect(all.get(`key:${(told?.index ?? 0) - 1}`)).toBe(8)
    ask(1)
    tell(1)
    expect(fill(1)).toBe(1)
  })

  it('learns of the window before, where it has turned while it was told', () => {
    const { clock, ask, tell, fill } = workers(2, { points: 10, windowMs: 1000 })
    for (let n = 0; n < 8; n++) ask(0)
    tell(0)
    ask(1)
    tell(1, { meanwhile: () => (clock.now += 1000) })
    expect(fill(1)).toBe(1)
  })

  it('believes itself where what all told was lost', () => {
    const { all, ask, tell } = workers(1, { points: 3, windowMs: 1000 })
    for (let n = 0; n < 3; n++) ask(0)
    tell(0)
    all.clear()
    expect(ask(0)).toBe(false)
    tell(0)
    expect(ask(0)).toBe(false)
  })

  it('goes on counting what it could not tell', () => {
    const { windowOf, ask } = workers(1, { points: 3, windowMs: 1000 })
    for (let n = 0; n < 3; n++) ask(0)
    windowOf(0).take(10) // and it never arrives
    expect(ask(0)).toBe(false)
  })

  it('tells so many keys at a time', () => {
    const { windowOf, ask } = workers(1, { points: 3, windowMs: 1000 })
    for (let n = 0; n < 7; n++) ask(0, `key ${n}`)
    expect([windowOf(0).take(5).length, windowOf(0).take(5).length, windowOf(0).take(5).length]).toEqual([5, 2, 0])
  })

  it('holds so many keys and no more: the one that was not used for longest is forgotten', () => {
    const { ask, windowOf } = workers(1, { points: 1, windowMs: 1000, mostKeys: 3 })
    for (const key of ['a', 'b', 'c']) ask(0, key)
    expect(ask(0, 'a')).toBe(false) // used again, so b is now the oldest
    ask(0, 'd')
    expect([ask(0, 'a'), ask(0, 'c'), ask(0, 'd'), ask(0, 'b')]).toEqual([false, false, false, true])
    expect(windowOf(0).take(100).length).toBeLessThanOrEqual(3)
  })

  it('accepts the same of a worker that is alone, whenever it tells', () => {
    const pauses = fc.oneof(fc.constant(0), fc.nat(300), fc.nat(2500))
    const moves = fc.array(fc.record({ pauseMs: pauses, tells: fc.constantFrom('no', 'before', 'while it asks') }), { maxLength: 200 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), moves, (points, played) => {
        const [telling, silent] = [workers(1, { points, windowMs: 1000 }), workers(1, { points, windowMs: 1000 })]
        for (const { pauseMs, tells } of played) {
          telling.clock.now += pauseMs
          silent.clock.now += pauseMs
          let accepted: boolean | undefined
          const asks = () => void (accepted = telling.ask(0))
          if (tells !== 'no') telling.tell(0, tells === 'before' ? {} : { meanwhile: asks })
          expect(accepted ?? telling.ask(0)).toBe(silent.ask(0))
        }
      }),
    )
  })
})
