import { ChannelReader, GapError } from './channel-reader.js'
import type { Channel, ChannelState, EventLog, LoggedFrame } from './log/log.js'
import { compareIds, type EntryId, isAfter, origin, type Position } from './log/position.js'

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
 * Readers of the channels that hold something after each one's id, up to `upTo`.
 * @param known saves asking for the states of channels
 * @throws GapError
 */
export const readersOf = async (
  log: EventLog,
  channels: ReadonlyMap<Channel, EntryId>,
  upTo: Position,
  known?: States,
): Promise<ChannelReader[]> => {
  const unknown = [...channels.keys()].filter((channel) => !known?.has(channel))
  const asked = unknown.length > 0 ? await statesOf(log, unknown) : undefined
  const newer: [Channel, EntryId][] = []
  for (const [channel, after] of channels) {
    const { last, floor } = known?.get(channel) ?? asked?.get(channel) ?? { last: after, floor: origin }
    if (isAfter(floor, after)) throw new GapError(channel)
    if (isAfter(last, after)) newer.push([channel, after])
  }
  return newer.map(([channel, after]) => new ChannelReader(log, { channel, after, upTo, readers: newer.length }))
}

/** What they read, merged by id. @throws GapError, checked again on every page */
export async function* replay(readers: readonly ChannelReader[]): AsyncGenerator<Replayed> {
  for (;;) {
    await Promise.all(readers.map((reader) => reader.fill()))
    const first = soonest(readers)
    if (!first?.next) return
    yield { ...first.next, channel: first.channel, shard: first.shard }
    first.take()
  }
}

const soonest = (readers: readonly ChannelReader[]): ChannelReader | undefined => {
  let first: ChannelReader | undefined
  for (const reader of readers) {
    if (reader.next && (!first?.next || compareIds(reader.next.id, first.next.id) < 0)) first = reader
  }
  return first
}
