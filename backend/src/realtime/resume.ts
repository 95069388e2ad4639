import type { Cursor } from './cursor.js'
import type { ChannelState, Head } from './log/log.js'
import { clockMarginMs, isAfter, millisecondsOf } from './log/position.js'

/** live: no position was given. exact: all since is replayed. partial: but for the conversations to fetch again. reset: fetch all. */
export type Verdict = 'live' | 'exact' | 'partial' | 'reset'

export interface Membership {
  readonly conversationId: string
  readonly joinedAt: Date
}

interface Question {
  /** undefined where it could not be read; `given` tells whether there was one. */
  readonly cursor: Cursor | undefined
  readonly given: boolean
  readonly head: Head
  readonly ttlSeconds: number
  readonly own: ChannelState
  readonly memberships: readonly (Membership & { readonly state: ChannelState })[]
}

/** What a client that comes with a position is told. A position that is not certain to be good is never taken for good. */
export const verdictOf = ({ cursor, given, head, ttlSeconds, own, memberships }: Question): { verdict: Verdict; refetch: string[] } => {
  if (!given) return { verdict: 'live', refetch: [] }
  const reset = { verdict: 'reset' as const, refetch: [] }
  if (!cursor || cursor.epoch !== head.epoch || isAfter(cursor.id, head.id)) return reset
  const at = millisecondsOf(cursor.id)
  if (at <= head.now - ttlSeconds * 1000 || isAfter(own.floor, cursor.id)) return reset
  const refetch = memberships
    .filter(({ state, joinedAt }) => isAfter(state.floor, cursor.id) || joinedAt.getTime() > at - clockMarginMs)
    .map(({ conversationId }) => conversationId)
  return { verdict: refetch.length > 0 ? 'partial' : 'exact', refetch }
}
