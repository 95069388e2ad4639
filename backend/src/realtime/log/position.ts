/** An entry's id in the log of one shard: `milliseconds-number`, as Redis streams have it. */
export type EntryId = string

/** Before everything. */
export const origin: EntryId = '0-0'

const parts = (id: EntryId): [number, number] => {
  const at = id.indexOf('-')
  return [Number(id.slice(0, at)), Number(id.slice(at + 1))]
}

/** Negative where `left` comes first. */
export const compareIds = (left: EntryId, right: EntryId): number => {
  if (left === right) return 0
  const [leftMs, leftNumber] = parts(left)
  const [rightMs, rightNumber] = parts(right)
  return leftMs - rightMs || leftNumber - rightNumber
}

export const isAfter = (left: EntryId, right: EntryId): boolean => compareIds(left, right) > 0

/** When an id was given, in milliseconds by the clock of Redis. */
export const millisecondsOf = (id: EntryId): number => parts(id)[0]

/** The clocks of workers, the database and Redis may differ by so much. */
export const clockMarginMs = 10_000
