import { setTimeout as sleep } from 'node:timers/promises'
import { BoundedWork } from '../platform/bounded-work.js'
import { withDeadline } from '../platform/deadline.js'
import type { Logger } from '../platform/logger.js'
import { type ChannelReader, GapError } from './channel-reader.js'
import type { Channel, EventLog, Head } from './log/log.js'
import { type EntryId, idIn, isAfter, type Position, raised } from './log/position.js'
import { readersOf, replay, type States } from './replay.js'
import { isTooOld } from './resume.js'
import type { EventStream } from './stream.js'

/** What is known of the log since all of a stream's channels were subscribed to. */
export interface Known {
  readonly head: Head
  readonly states: States
}

interface Dependencies {
  readonly log: EventLog
  readonly logger: Logger
  /** Resolves once all of a stream's channels are subscribed to. */
  subscribed(stream: EventStream): Promise<void>
  /** Resolves once everything that was told to the hubs before is heeded. */
  heard(): Promise<void>
  onEpoch(epoch: string): void
  /** The position's `id:` line, then the frame. */
  withId(position: Position, frame: Buffer): Buffer
  /** How many replays read the log at once. */
  readonly mostAtOnce?: number
}

/** Why a stream is not live yet: once its client takes more, it goes on from its position. */
interface Stopped {
  readonly drained: Promise<void> | undefined
}

/** While the log does not answer. */
const againAfterMs = 500
/** A stream that could not be brought to now for so long ends, and comes back to another worker or later. */
const deadlineMs = 60_000
/** Each holds pages of the log. */
const replays = { what: 'replays', mostAtOnce: 32, mostWaiting: 20_000, deadlineMs: 30_000 } as const
/** A client that takes nothing for so long is waited for without a place among those that read; nor does any replay keep its place for longer than a turn. */
const mostStillMs = 500
const turnMs = 5000
/** So long a client may be waited for in all until its stream is live. */
const mostWaitedMs = 60_000

/** Brings streams from their own positions to now: those that connect, those that join a channel, those that were cut off from Redis. */
export class CatchUps {
  readonly #deps: Dependencies
  readonly #running = new Map<EventStream, Promise<void>>()
  readonly #replays: BoundedWork
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#replays = new BoundedWork({ ...replays, mostAtOnce: deps.mostAtOnce ?? replays.mostAtOnce })
  }

  /**
   * Holds the stream's live output, takes the head, replays its channels up to it, flushes, and lets it go live.
   * One at a time a stream: a call meanwhile goes after it, and is the one that lets it go.
   */
  run(stream: EventStream, known?: Known): Promise<void> {
    const hold = stream.hold(known !== undefined)
    const before = this.#running.get(stream) ?? Promise.resolve()
    const running = before.then(() => this.#bring(stream, hold, known))
    this.#running.set(stream, running)
    return running.finally(() => {
      if (this.#running.get(stream) === running) this.#running.delete(stream)
    })
  }

  async #bring(stream: EventStream, hold: number, known: Known | undefined): Promise<void> {
    const giveUpAt = Date.now() + deadlineMs
    let first = known
    let waitedMs = 0
    while (!stream.ended && stream.isHeldBy(hold)) {
      try {
        const stopped = await this.#replay(stream, hold, first)
        if (!stopped) return
        const waitingSince = performance.now()
        await stopped.drained
        waitedMs += performance.now() - waitingSince
        if (waitedMs > mostWaitedMs) stream.cutAsTooSlow()
      } catch (error) {
        if (error instanceof GapError || Date.now() > giveUpAt) {
          this.#deps.logger.info({ err: error }, 'a stream could not catch up')
          stream.cut()
          return
        }
        await sleep(againAfterMs * (0.5 + Math.random()))
      }
      first = undefined
    }
  }

  /** @returns where it must go on later: more came meanwhile than could be held, its client is behind, or it is others' turn */
  async #replay(stream: EventStream, hold: number, known: Known | undefined): Promise<Stopped | undefined> {
    const { log } = this.#deps
    await this.#deps.subscribed(stream)
    // A channel that was joined since is not among the known ones: what came before it was subscribed to is beyond the known head.
    const usable = known && [...stream.channels.keys()].every((channel) => known.states.has(channel)) ? known : undefined
    const head = usable?.head ?? (await log.head())
    this.#deps.onEpoch(head.epoch)
    if (!usable) await this.#deps.heard() // whoever has left by the head is known to have left
    if (isTooOld(stream.position, head, log.ttlSeconds)) throw new GapError('a position older than the log')
    const told = new Map<Channel, EntryId | undefined>()
    const from = new Map<Channel, EntryId>()
    for (const [channel, after] of stream.channels) {
      const shard = log.shardOf(channel)
      if (after !== undefined && isAfter(after, idIn(head.position, shard))) continue // joined since: it is for the call that goes after this one
      told.set(channel, after)
      from.set(channel, after ?? idIn(stream.position, shard))
    }
    const readers = await readersOf(log, from, head.position, usable?.states)
    const stopped = readers.length > 0 ? await this.#replays.run(() => this.#tell(stream, readers, told)) : undefined
    if (stopped || stream.ended) return stopped
    return stream.release(head.position, { hold, told }) === 'overflowed' ? { drained: undefined } : undefined
  }

  /** @param told from where each channel is told @returns where not all of it was told */
  async #tell(
    stream: EventStream,
    readers: readonly ChannelReader[],
    told: Map<Channel, EntryId | undefined>,
  ): Promise<Stopped | undefined> {
    const until = performance.now() + turnMs
    for await (const { channel, shard, id, frame } of replay(readers)) {
      if (stream.ended) return undefined
      if (!stream.tells(channel, told.get(channel))) continue
      // What a newly joined channel held before the stream's position is told without taking the client's position back.
      const position = raised(stream.position, shard, id)
      if (told.get(channel) !== undefined) for (const channels of [told, stream.channels]) channels.set(channel, id) // should the rest have to be read later
      const drained = stream.replay(position, this.#deps.withId(position, frame))
      if (drained && !(await isSoon(drained))) return { drained }
      if (performance.now() > until) return { drained: undefined }
    }
    return undefined
  }
}

const isSoon = (drained: Promise<void>): Promise<boolean> =>
  withDeadline(drained, mostStillMs, 'a client').then(
    () => true,
    () => false,
  )
