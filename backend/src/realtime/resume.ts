import type { Cursor } from './cursor.js'
import type { ChannelState, Head } from './log/log.js'
import { ageOf, covers, type EntryId, idIn, isAfter, millisecondsOf, type Position } from './log/position.js'

/** live: no position was given. exact: all since is replayed. partial: but for the conversations to fetch again. reset: fetch all. */
export type Verdict = 'live' | 'exact' | 'partial' | 'reset'

export interface Membership {
  readonly conversationId: string
  readonly joinedAt: Date
  /** The conversation's, when this was read. */
  readonly version: number
}

/** The clocks of workers, the database and Redis may differ by so much. */
export const clockMarginMs = 10_000

interface Question {
  /** undefined where it could not be read; `given` tells whether there was one. */
  readonly cursor: Cursor | undefined
  readonly given: boolean
  readonly head: Head
  readonly ttlSeconds: number
  readonly own: Standing
  readonly memberships: readonly (Membership & Standing)[]
}

/** A channel's shard and its state in the log. */
interface Standing {
  readonly shard: number
  readonly state: ChannelState
}

/** True where a position is so old that a channel's log may have expired since. */
export const isTooOld = (position: Position, head: Head, ttlSeconds: number): boolean => ageOf(position) <= head.now - ttlSeconds * 1000

/** What a client that comes with a position is told. A position that is not certain to be good is never taken for good. */
export const verdictOf = ({ cursor, given, head, ttlSeconds, own, memberships }: Question): { verdict: Verdict; refetch: string[] } => {
  if (!given) return { verdict: 'live', refetch: [] }
  const reset = { verdict: 'reset' as const, refetch: [] }
  if (!cursor || cursor.epoch !== head.epoch || cursor.position.length !== head.position.length) return reset
  if (!covers(head.position, cursor.position) || isTooOld(cursor.position, head, ttlSeconds)) return reset
  const after = (shard: number): EntryId => idIn(cursor.position, shard)
  if (isAfter(own.state.floor, after(own.shard))) return reset
  const refetch = memberships
    .filter(({ shard, state, joinedAt }) => {
      return isAfter(state.floor, after(shard)) || joinedAt.getTime() > millisecondsOf(after(shard)) - clockMarginMs
    })
    .map(({ conversationId }) => conversationId)
  return { verdict: refetch.length > 0 ? 'partial' : 'exact', refetch }
}
