import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import type { Channel } from './log/log.js'
import { covers, type EntryId, idIn, isAfter, latest, type Position } from './log/position.js'
import { MembershipChanges } from './membership-changes.js'

/** Bytes that carry a position: one Buffer for every stream that is not beyond it in some shard, and how the others get theirs. */
export interface Mark {
  readonly position: Position
  readonly bytes: Buffer
  bytesAt(position: Position): Buffer
}

/** What was published, with the position that the hub has after it. */
export interface LiveFrame extends Mark {
  readonly shard: number
  readonly id: EntryId
  /** Several that arrived together: `bytes` are theirs, one after the other, the rest is the last one's. */
  readonly parts?: readonly [LiveFrame, ...LiveFrame[]]
}

/** More unsent bytes than this and the client is too slow: it is cut off, and comes back. */
const mostUnsentBytes = 256 * 1024
const reconnectMs = 2000
/** In a replay a client may stand still for so long; after the end of its stream it has less time to take what was written. */
const standstillMs = 60_000
const endDeadlineMs = 5000
const comment = Buffer.from(':\n\n')
/** Of every event stream: no proxy may keep it, nor gather it. */
export const streamHeaders = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no',
} as const

/** One client's event stream: bytes to one socket, in order, each once, with a bound. */
export class EventStream {
  readonly userId: string
  readonly sessionId: string
  readonly role: 'admin' | undefined
  /** The channels that it tells of. One that is told from elsewhere than the stream's own position has where, until it has caught up. */
  readonly channels = new Map<Channel, EntryId | undefined>()
  readonly membershipChanges = new MembershipChanges()
  readonly #response: ServerResponse
  /** Once the headers are out, the socket itself: nothing is added to what is written. */
  #output: Writable
  #position: Position
  /** True while it may be beyond the hub in some shard: a replay goes up to the log's head, the hub to what it has heard of. */
  #ahead = true
  #holding = false
  /** Each makes the ones before it void. */
  #holds = 0
  #opened = false
  #held: LiveFrame[] = []
  #heldBytes = 0
  #overflowed = false
  #endedUnopened = false
  #tooSlow = false
  #events = 0

  /** @param position what the client has */
  constructor(response: ServerResponse, caller: { userId: string; sessionId: string; role?: 'admin' }, position: Position) {
    this.#response = response
    this.#output = response
    this.userId = caller.userId
    this.sessionId = caller.sessionId
    this.role = caller.role
    this.#position = position
    response.useChunkedEncodingByDefault = false // the stream ends with its connection; no frame is wrapped
    response.shouldKeepAlive = false
  }

  /** Sets where the client is, and the channels that are told from elsewhere. Before anything is told. */
  begin(position: Position, elsewhere: ReadonlyMap<Channel, EntryId>): void {
    this.#position = position
    for (const [channel, after] of elsewhere) {
      if (!this.channels.has(channel)) continue // its user has left meanwhile
      const joined = this.channels.get(channel)
      this.channels.set(channel, joined !== undefined && isAfter(joined, after) ? joined : after)
    }
  }

  /** True while it tells of a channel from `after` on: its user has not left the conversation meanwhile, nor come again. */
  tells(channel: Channel, after: EntryId | undefined): boolean {
    return this.channels.has(channel) && this.channels.get(channel) === after
  }

  /** Sends the headers, when to come back after an end, and the first frame. */
  open(first: Buffer): void {
    if (this.ended) return
    this.#opened = true
    this.#response.writeHead(200, streamHeaders)
    this.#response.flushHeaders() // by themselves: V8 keeps the pieces of a text that is only written as part of a longer one
    this.#output = this.#response.socket ?? this.#response // none where an earlier request of its connection is still being answered
    this.#output.write(Buffer.concat([Buffer.from(`retry: ${reconnectMs}\n\n`), first]))
  }

  /** Its first frame was sent. */
  get opened(): boolean {
    return this.#opened
  }

  get ended(): boolean {
    return this.#endedUnopened || this.#response.writableEnded || this.#response.destroyed
  }

  /** True where it was cut because its client did not take what it was told. */
  get tooSlow(): boolean {
    return this.#tooSlow
  }

  /** How many events it has been written, those of replays too; without what has no place in the log. */
  get events(): number {
    return this.#events
  }

  /** Up to here it has told all that is in its channels. */
  get position(): Position {
    return this.#position
  }

  /** What is published now: told at once, or held while a replay goes on. */
  live(frame: LiveFrame): void {
    if (!this.#holding) {
      this.#tell(frame)
      return
    }
    this.#held.push(frame)
    this.#heldBytes += frame.bytes.length
    if (this.#heldBytes > mostUnsentBytes) this.#dropHeld(true) // the log has it all: it is read again
  }

  /** What has no place in the log: not worth keeping while a replay goes on. */
  passing(frame: Buffer): void {
    if (!this.#holding) this.#write(frame)
  }

  /** What its client must know now, replay or not. */
  notice(frame: Buffer): void {
    this.#write(frame)
  }

  /** Everything up to the mark's position has gone by; it tells the client so, without an event. While it is held, that it lives. */
  beat(mark: Mark): void {
    if (this.#opened) this.#write(this.#holding ? comment : this.#moveTo(mark))
  }

  /**
   * Holds what is live from now on.
   * @param keep what is held already as well: where the head that is to be replayed to was asked for before
   * @returns what lets it go again, unless it is held anew meanwhile
   */
  hold(keep = false): number {
    this.#holding = true
    if (!keep) this.#dropHeld(false)
    this.#holds += 1
    return this.#holds
  }

  isHeldBy(hold: number): boolean {
    return this.#holding && this.#holds === hold
  }

  /** Tells one entry of a replay, which brings it to `position`. @returns where the client is behind, what resolves when it takes more or is gone */
  replay(position: Position, bytes: Buffer): Promise<void> | undefined {
    if (this.ended) return undefined
    this.#position = position
    this.#ahead = true
    this.#events += 1
    return this.#output.write(bytes) ? undefined : this.#drained()
  }

  /**
   * Goes live again, a replay of the `told` channels having come to `upTo`.
   * @returns overflowed: more was held than fits, replay from the position. held: held anew meanwhile, whoever did that lets it go
   */
  release(
    upTo: Position,
    { hold, told }: { hold: number; told: ReadonlyMap<Channel, EntryId | undefined> },
  ): 'live' | 'overflowed' | 'held' {
    this.#position = latest(this.#position, upTo)
    this.#ahead = true
    for (const [channel, after] of told) if (this.tells(channel, after)) this.channels.set(channel, undefined)
    if (!this.isHeldBy(hold)) return 'held'
    const [held, overflowed] = [this.#held, this.#overflowed]
    this.#dropHeld(false)
    if (overflowed) return 'overflowed'
    this.#holding = false
    for (const frame of held) this.#tell(frame)
    return 'live'
  }

  /** Ends it once what was written is sent, or after 5 s. One that is not open yet never opens: whoever opens it answers instead. */
  end(last?: Buffer): void {
    if (this.ended) return
    if (!this.#response.headersSent) {
      this.#endedUnopened = true
      return
    }
    if (last) this.#output.write(last)
    this.#response.end()
    const alarm = setTimeout(() => this.#response.destroy(), endDeadlineMs).unref()
    this.#response.once('close', () => clearTimeout(alarm))
  }

  /** Ends it at once, unsent bytes and all. */
  cut(): void {
    this.#dropHeld(false)
    this.#response.destroy()
  }

  /** Ends it at once because its client does not take what it is told. */
  cutAsTooSlow(): void {
    this.#tooSlow = true
    this.cut()
  }

  /** Resolves when the socket takes more, or is gone, after a minute at the latest; leaves no listener behind, however often a long replay waits. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const alarm = setTimeout(() => this.cutAsTooSlow(), standstillMs).unref()
      const done = () => {
        clearTimeout(alarm)
        this.#output.off('drain', done).off('close', done)
        resolve()
      }
      this.#output.on('drain', done).on('close', done)
    })
  }

  #tell(frame: LiveFrame): void {
    const told = idIn(this.#position, frame.shard)
    if (!isAfter(frame.id, told)) return // the replay has told it
    if (frame.parts && (this.#ahead || !isAfter(frame.parts[0].id, told))) {
      for (const part of frame.parts) this.#tell(part)
      return
    }
    this.#events += frame.parts?.length ?? 1
    this.#write(this.#moveTo(frame))
  }

  /** Moves to the hub's position without going back in any shard. @returns the bytes that say where it is then */
  #moveTo(mark: Mark): Buffer {
    if (this.#ahead) this.#ahead = !covers(mark.position, this.#position)
    this.#position = this.#ahead ? latest(this.#position, mark.position) : mark.position
    return this.#ahead ? mark.bytesAt(this.#position) : mark.bytes
  }

  #write(bytes: Buffer): void {
    if (this.ended) return
    if (!this.#output.write(bytes) && this.#output.writableLength > mostUnsentBytes) this.cutAsTooSlow()
  }

  #dropHeld(overflowed: boolean): void {
    this.#held = []
    this.#heldBytes = 0
    this.#overflowed = overflowed
  }
}
