import type { EntryId, Position } from './position.js'

/** For the hubs themselves, one a shard. */
export type ControlChannel = `control:${number}`

/** To everyone in a conversation, to every device of a person, or to the hubs. */
export type Channel = `conversation:${string}` | `user:${string}` | ControlChannel

/** One event for one channel. */
export interface Entry {
  readonly channel: Exclude<Channel, ControlChannel>
  /** Told apart by it: the same event appended again is found and not told twice. */
  readonly eventId: string
  /** `event:` and `data:` lines and the blank line; the id is put before them by whoever streams. */
  readonly frame: Buffer
  /** Of `message.created`: the channel shows these in the order of seq, whichever worker appends first. */
  readonly seq?: number
  /** The message whose content the frame carries: what a purge removes. */
  readonly messageId?: string
  /** What the hubs must know before the event arrives. */
  readonly control?: object
}

/**
 * `appended`: it is in the log, or was, or will not be missed (purged, passed over). `held`: kept until its predecessor comes; not yet safe to forget.
 * `need-base`: the channel knows no seq; set the base and append again.
 */
export type Outcome = 'appended' | 'held' | 'need-base'

export interface Answer {
  /** Changes whenever what the log holds can no longer be trusted to be complete. */
  readonly epoch: string
  readonly outcome: Outcome
}

/** Where the log stands: every entry up to `position` has been published; no id is older than a second. `now` is the clock of Redis, in milliseconds. */
export interface Head {
  readonly epoch: string
  readonly position: Position
  readonly now: number
}

export interface LoggedFrame {
  readonly id: EntryId
  readonly frame: Buffer
}

/** What a channel holds after a position. */
export interface Page {
  readonly entries: readonly LoggedFrame[]
  /** Up to here entries have been trimmed: a position before it has a gap. */
  readonly floor: EntryId
}

/** A channel's newest entry and its floor; the origin where there is none. */
export interface ChannelState {
  readonly last: EntryId
  readonly floor: EntryId
}

/** A channel's last seq in the order of its messages, undefined where it knows none, and its shard's head: what has a higher seq is told after that. */
export interface Standing {
  readonly seq: number | undefined
  readonly id: EntryId
}

/** What a hub does with what arrives, in each shard in the order of ids. */
export interface LogListener {
  frame(channel: Channel, id: EntryId | undefined, frame: Buffer): void
  /** The connection was lost: something may have been missed, and nothing is subscribed any more. May come again before `restored`. */
  gap(): void
  /** Channels can be subscribed to again. */
  restored(): void
}

/** Settings that all workers must share. */
export interface LogLimits {
  readonly entriesPerChannel: number
  readonly ttlSeconds: number
}

/**
 * An event without a seq is known again for so long, however much its channel is told meanwhile: longer than outboxes keep what was told. Were only
 * the older part of it forgotten, that part alone would be told once more, after the newer.
 */
export const rememberedMs = 120_000
/** So many times what a channel keeps, at most. */
export const mostRemembered = 10

/**
 * The event log: capped, ordered, published as it is written.
 * One order for all channels of a shard: ids rise even when the clock steps back.
 */
export interface EventLog {
  readonly shards: number
  /** How long a channel keeps what was appended to it last. */
  readonly ttlSeconds: number
  /** Which shard's ids a channel's entries have. */
  shardOf(channel: Channel): number
  append(entry: Entry): Promise<Answer>
  /** Tells a channel without a seq where it stands: the next is `base + 1`. Does nothing where it knows. */
  setBase(channel: Channel, base: number): Promise<void>
  /** Gives up on what is missing up to `seq`: what was held goes on, the channel's floor rises, so that every older position has a gap, and the hubs are told `gap`. @returns false where the channel is past it anyway */
  passOver(channel: Channel, seq: number): Promise<boolean>
  /** Removes a message's content from the log, and refuses it for as long as the log lives. */
  purge(channel: Channel, messageId: string): Promise<void>
  /** Published only: no id, no log. */
  tell(channel: Channel, frame: Buffer): Promise<void>
  head(): Promise<Head>
  standing(channel: Channel): Promise<Standing>
  /** Moves the head of every shard to now and tells every hub, so that the position of an idle stream stays young. */
  tick(): Promise<void>
  states(channels: readonly Channel[]): Promise<ChannelState[]>
  /** Entries after `after` up to `upTo`, at most `count`, oldest first. */
  read(channel: Channel, after: EntryId, upTo: EntryId, count: number): Promise<Page>
  /** Once resolved, everything published afterwards arrives. */
  subscribe(channels: readonly Channel[]): Promise<void>
  unsubscribe(channel: Channel): void
  listen(listener: LogListener): void
}
