import type { Channel, ChannelState, EventLog, LoggedFrame } from './log/log.js'
import { compareIds, type EntryId, idIn, isAfter, origin, type Position } from './log/position.js'

const pageEntries = 100

/** A channel's log has forgotten what a replay needs. */
export class GapError extends Error {
  constructor(of: string) {
    super(`The log has a gap: ${of}`)
    this.name = 'GapError'
  }
}

/** One channel, read page by page. */
class Reader {
  readonly #log: EventLog
  readonly channel: Channel
  readonly #upTo: EntryId
  #after: EntryId
  #page: LoggedFrame[] = []
  #exhausted = false
  readonly shard: number
  constructor(log: EventLog, channel: Channel, after: EntryId, upTo: Position) {
    this.shard = log.shardOf(channel)
    this.#log = log
    this.channel = channel
    this.#after = after
    this.#upTo = idIn(upTo, this.shard)
  }

  get next(): LoggedFrame | undefined {
    return this.#page[0]
  }

  take(): void {
    this.#page.shift()
  }

  /** Makes sure that `next` is there unless the channel is at its end. @throws GapError where entries were trimmed before they were read */
  async fill(): Promise<void> {
    if (this.#page.length > 0 || this.#exhausted) return
    const { entries, floor } = await this.#log.read(this.channel, this.#after, this.#upTo, pageEntries)
    if (isAfter(floor, this.#after)) throw new GapError(this.channel)
    this.#page = [...entries]
    this.#after = entries.at(-1)?.id ?? this.#after
    this.#exhausted = entries.length < pageEntries
  }
}

/** One entry of a replay. */
export interface Replayed extends LoggedFrame {
  readonly channel: Channel
  readonly shard: number
}

/** What is known of channels, later than their subscriptions. */
export type States = ReadonlyMap<Channel, ChannelState>

/** The states of channels, asked for in bundles. */
export const statesOf = async (log: EventLog, channels: readonly Channel[]): Promise<States> => {
  const states = await log.states(channels)
  return new Map(channels.map((channel, n) => [channel, states[n] ?? { last: origin, floor: origin }]))
}

/**
 * What the channels hold after each one's id, up to `upTo`, merged by id. Only channels with something newer are read.
 * @param known saves asking for the states of channels
 * @throws GapError, checked again on every page
 */
export async function* replay(
  log: EventLog,
  channels: ReadonlyMap<Channel, EntryId>,
  upTo: Position,
  known?: States,
): AsyncGenerator<Replayed> {
  const unknown = [...channels.keys()].filter((channel) => !known?.has(channel))
  const asked = unknown.length > 0 ? await statesOf(log, unknown) : undefined
  const readers: Reader[] = []
  for (const [channel, after] of channels) {
    const { last, floor } = known?.get(channel) ?? asked?.get(channel) ?? { last: after, floor: origin }
    if (isAfter(floor, after)) throw new GapError(channel)
    if (isAfter(last, after)) readers.push(new Reader(log, channel, after, upTo))
  }
  for (;;) {
    await Promise.all(readers.map((reader) => reader.fill()))
    const first = soonest(readers)
    if (!first?.next) return
    yield { ...first.next, channel: first.channel, shard: first.shard }
    first.take()
  }
}

const soonest = (readers: readonly Reader[]): Reader | undefined => {
  let first: Reader | undefined
  for (const reader of readers) {
    if (reader.next && (!first?.next || compareIds(reader.next.id, first.next.id) < 0)) first = reader
  }
  return first
}
