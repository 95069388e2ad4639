/** An entry's id in the log of one shard: `milliseconds-number`, as Redis streams have it. */
export type EntryId = string

/** Where a reader is: an id per shard. Everything up to it in each shard was told. */
export type Position = readonly EntryId[]

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

/** What was compared last. A worker's streams mostly stand at the same place: the same two ids are compared once for each of them. */
let lastLeft: EntryId = origin
let lastRight: EntryId = origin
let lastIsAfter = false

export const isAfter = (left: EntryId, right: EntryId): boolean => {
  if (left !== lastLeft || right !== lastRight) {
    lastIsAfter = compareIds(left, right) > 0
    lastLeft = left
    lastRight = right
  }
  return lastIsAfter
}

/** When an id was given, in milliseconds by the clock of its Redis. */
export const millisecondsOf = (id: EntryId): number => parts(id)[0]

/** Before everything in every shard. */
export const beginning = (shards: number): Position => Array.from({ length: shards }, () => origin)

/** What a position says of one shard. */
export const idIn = (position: Position, shard: number): EntryId => position[shard] ?? origin

/** A position with one shard's id raised; a lower id takes nothing back. */
export const raised = (position: Position, shard: number, id: EntryId): Position =>
  isAfter(id, idIn(position, shard)) ? position.with(shard, id) : position

/** Of each shard the later id. */
export const latest = (left: Position, right: Position): Position =>
  left.map((id, shard) => (isAfter(idIn(right, shard), id) ? idIn(right, shard) : id))

/** True where nothing up to `right` is beyond `left`, in any shard. */
export const covers = (left: Position, right: Position): boolean => right.every((id, shard) => !isAfter(id, idIn(left, shard)))

/** When the oldest of a position's ids was given. */
export const ageOf = (position: Position): number => Math.min(...position.map(millisecondsOf))
