import { array, assert, date, nat, property, stringMatching } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { archiveName, parseArchiveName } from '../src/backup/archive-name.js'
import { notKept } from '../src/backup/retention.js'

const dayMs = 86_400_000
const at = (text: string) => ({ begunAt: new Date(text) })
const texts = (archives: readonly { begunAt: Date }[]) => archives.map(({ begunAt }) => begunAt.toISOString().slice(0, 13)).toSorted()
const daily = (days: number, last: string) =>
  Array.from({ length: days }, (_, n) => ({ begunAt: new Date(new Date(last).getTime() - n * dayMs) }))
const keptOf = <T extends { begunAt: Date }>(archives: readonly T[], keep: Parameters<typeof notKept>[1]): T[] => {
  const gone = new Set(notKept(archives, keep))
  return archives.filter((archive) => !gone.has(archive))
}

describe('what is kept of backups', () => {
  it('is the newest of each day, of each week that ends on Sunday, and of each month, so many of each', () => {
    const archives = [...daily(400, '2026-11-21T03:00:00Z'), at('2026-11-21T15:00:00Z'), at('2026-11-20T15:00:00Z')]
    expect(texts(keptOf(archives, { daily: 2, weekly: 0, monthly: 0 }))).toEqual(['2026-11-20T15', '2026-11-21T15'])
    expect(texts(keptOf(archives, { daily: 0, weekly: 3, monthly: 0 }))).toEqual(['2026-11-08T03', '2026-11-15T03', '2026-11-21T15'])
    expect(texts(keptOf(archives, { daily: 0, weekly: 0, monthly: 3 }))).toEqual(['2026-09-30T03', '2026-10-31T03', '2026-11-21T15'])
    expect(keptOf(archives, { daily: 7, weekly: 5, monthly: 12 })).toHaveLength(7 + 4 - 1 + 12 - 1) // some are the newest of several
  })

  it('goes by days and weeks that have one: where none was made, older ones stay', () => {
    const archives = [at('2020-01-01T03:00:00Z'), at('2023-01-01T03:00:00Z'), at('2026-01-01T03:00:00Z')]
    expect(keptOf(archives, { daily: 2, weekly: 0, monthly: 0 })).toEqual(archives.slice(1))
  })

  it('always has the newest in it, never grows past the numbers, and does not change when it is looked at again', () => {
    const some = array(date({ min: new Date('2020-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }), {
      minLength: 1,
      maxLength: 60,
    })
    const most = nat({ max: 6 })
    assert(
      property(some, most, most, most, (dates, ...[days, weeks, months]) => {
        const keep = { daily: days, weekly: weeks, monthly: months }
        const archives = dates.map((begunAt) => ({ begunAt }))
        const kept = keptOf(archives, keep)
        expect(Math.max(...kept.map(({ begunAt }) => begunAt.getTime()))).toBe(Math.max(...dates.map(Number)))
        expect(kept.length).toBeLessThanOrEqual(Math.max(1, days + weeks + months))
        expect(notKept(kept, keep)).toEqual([])
      }),
    )
  })
})

describe('the name of a backup', () => {
  it('says whose it is and when it was begun', () => {
    assert(
      property(
        stringMatching(/^[\w-]{1,40}$/),
        date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }),
        (database, instant) => {
          const begunAt = new Date(Math.floor(instant.getTime() / 1000) * 1000)
          expect(parseArchiveName(archiveName({ database, begunAt }))).toEqual({ database, begunAt })
        },
      ),
    )
  })

  it.each(['heliograph', 'heliograph-20261321T030000Z', '../x-20261121T030000Z', 'x-20261121T030000Z.partial', ''])('is not %j', (name) => {
    expect(parseArchiveName(name)).toBeUndefined()
  })
})
