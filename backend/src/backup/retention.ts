/** How many are kept: the newest of each of so many days, weeks and months that have one. */
export interface Keep {
  readonly daily: number
  readonly weekly: number
  readonly monthly: number
}

const dayMs = 86_400_000
/** 1970-01-01 was a Thursday; weeks begin on Monday. */
const daysBeforeFirstMonday = 3

const dayOf = (at: Date): string => String(Math.floor(at.getTime() / dayMs))
const weekOf = (at: Date): string => String(Math.floor((Math.floor(at.getTime() / dayMs) + daysBeforeFirstMonday) / 7))
const monthOf = (at: Date): string => at.toISOString().slice(0, 7)

const newestOfEach = <T extends { readonly begunAt: Date }>(
  newestFirst: readonly T[],
  periodOf: (at: Date) => string,
  most: number,
): T[] => {
  const newest = new Map<string, T>()
  for (const each of newestFirst) if (!newest.has(periodOf(each.begunAt))) newest.set(periodOf(each.begunAt), each)
  return [...newest.values()].slice(0, most)
}

/** Those of some archives that need not be kept, by days, weeks and months in UTC. The newest is always kept. */
export const notKept = <T extends { readonly begunAt: Date }>(archives: readonly T[], { daily, weekly, monthly }: Keep): T[] => {
  const newestFirst = archives.toSorted((a, b) => b.begunAt.getTime() - a.begunAt.getTime())
  const kept = new Set([
    ...newestFirst.slice(0, 1),
    ...newestOfEach(newestFirst, dayOf, daily),
    ...newestOfEach(newestFirst, weekOf, weekly),
    ...newestOfEach(newestFirst, monthOf, monthly),
  ])
  return newestFirst.filter((archive) => !kept.has(archive))
}
