import type { Channel } from './log/log.js'
import type { Joined, Left } from './membership-changes.js'

/** What the hubs of all workers must know by themselves. */
export type ControlMessage =
  | { readonly joined: Joined }
  | { readonly left: Left }
  /** A session has ended before its time: its streams end at once. */
  | { readonly revoked: RevokedSession }
  /** Of these two one has blocked the other, or does not any more. */
  | { readonly blocked: Blocked }
  /** What holds for all messages of a conversation has changed. */
  | { readonly settings: string }
  /** The channel lost something: who reads it must come back, and is told to fetch. */
  | { readonly gap: Channel }
  /** What is kept in memory under this name has changed in the database. */
  | { readonly reread: string }

export interface Blocked {
  readonly userIds: readonly [string, string]
}

export interface RevokedSession {
  readonly userId: string
  readonly sessionId: string
  readonly at: string
  readonly reason: string
}
