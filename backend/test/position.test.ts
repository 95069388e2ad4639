import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCursor, parseCursor } from '../src/realtime/cursor.js'
import { compareIds, covers, latest, type Position, raised } from '../src/realtime/log/position.js'
import { verdictOf } from '../src/realtime/resume.js'

const epoch = '0123456789abcdef'
const now = 1_700_000_000_000
const id = fc.tuple(fc.nat(20), fc.nat(3)).map(([ms, number]) => `${ms}-${number}`)
const position = (shards: number) => fc.array(id, { minLength: shards, maxLength: shards })

describe('a position', () => {
  it('is read as it was written, with one to sixteen ids', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16 }).chain(position), (ids) => {
        expect(parseCursor(encodeCursor({ epoch, position: ids }))).toEqual({ epoch, position: ids })
      }),
    )
    expect(encodeCursor({ epoch, position: ['1-2'] })).toBe(`${epoch}.1-2`)
  })

  it.each([
    '',
    'x',
    epoch,
    `${epoch}.`,
    `${epoch}.1`,
    `${epoch}.1-2_`,
    `${epoch}._1-2`,
    `${epoch}.1-2_x`,
    `${epoch}.${Array(17).fill('1-1').join('_')}`,
  ])('is not read from %j', (text) => {
    expect(parseCursor(text)).toBeUndefined()
  })

  it('that is raised, or the latest of two, covers what it was made from', () => {
    fc.assert(
      fc.property(position(3), position(3), fc.nat(2), id, (left, right, shard, to) => {
        const both = latest(left, right)
        expect([covers(both, left), covers(both, right)]).toEqual([true, true])
        for (const [n, each] of both.entries()) expect([left[n], right[n]]).toContain(each)
        const higher = raised(left, shard, to)
        expect(covers(higher, left)).toBe(true)
        expect(compareIds(higher[shard] ?? '', to)).toBeGreaterThanOrEqual(0)
        expect(covers(left, right)).toBe(left.every((each, n) => compareIds(each, right[n] ?? '') >= 0))
      }),
    )
  })
})

describe('what becomes of a position with three shards', () => {
  const head = { epoch, now, position: [`${now}-5`, `${now}-0`, `${now - 500}-0`] }
  const at = (...ago: number[]): Position => ago.map((ms) => `${now - ms}-0`)
  const old = new Date(0)
  const fresh = { last: '0-0', floor: '0-0' }
  const question = (given: Position, changes: Partial<Parameters<typeof verdictOf>[0]> = {}) =>
    verdictOf({
      cursor: { epoch, position: given },
      given: true,
      head,
      ttlSeconds: 3600,
      own: { shard: 0, state: fresh },
      memberships: [{ conversationId: 'c', joinedAt: old, version: 1, shard: 1, state: fresh }],
      ...changes,
    })

  it('is exact where no shard says otherwise', () => {
    expect(question(at(1000, 2000, 3000))).toEqual({ verdict: 'exact', refetch: [] })
    expect(question(head.position)).toEqual({ verdict: 'exact', refetch: [] })
  })

  it.each([
    ['too few shards', at(1000, 1000)],
    ['too many shards', at(1000, 1000, 1000, 1000)],
    ['the future of the first', [`${now}-6`, `${now}-0`, `${now - 500}-0`]],
    ['the future of the last', at(1000, 1000, 0)],
    ['an old first', at(3_600_000, 1000, 1000)],
    ['an old last', at(1000, 1000, 3_600_000)],
  ])('is a reset with %s', (_name, given) => {
    expect(question(given)).toEqual({ verdict: 'reset', refetch: [] })
  })

  it('goes by the floor of a channel and the id of its own shard', () => {
    const floor = { last: `${now}-0`, floor: `${now - 2000}-0` }
    const own = { own: { shard: 0, state: floor } }
    expect(question(at(3000, 1000, 1000), own)).toMatchObject({ verdict: 'reset' })
    expect(question(at(1000, 3000, 3000), own)).toMatchObject({ verdict: 'exact' })
    const one = { memberships: [{ conversationId: 'c', joinedAt: old, version: 1, shard: 1, state: floor }] }
    expect(question(at(1000, 3000, 1000), one)).toEqual({ verdict: 'partial', refetch: ['c'] })
    expect(question(at(3000, 1000, 3000), one)).toMatchObject({ verdict: 'exact' })
  })

  it('goes by the time of a conversation’s own shard for who joined it since', () => {
    const joined = { memberships: [{ conversationId: 'c', joinedAt: new Date(now - 60_000), version: 1, shard: 1, state: fresh }] }
    expect(question(at(1000, 65_000, 1000), joined)).toEqual({ verdict: 'partial', refetch: ['c'] })
    expect(question(at(100_000, 1000, 100_000), joined)).toMatchObject({ verdict: 'exact' })
  })
})
