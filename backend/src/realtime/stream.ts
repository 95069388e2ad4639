import type { ServerResponse } from 'node:http'
import type { Channel, LoggedFrame } from './log/log.js'
import { type EntryId, isAfter } from './log/position.js'

/** More unsent bytes than this and the client is too slow: it is cut off, and comes back. */
const mostUnsentBytes = 256 * 1024
const reconnectMs = 2000
/** In a replay a client may stand still for so long; after the end of its stream it has less time to take what was written. */
const standstillMs = 60_000
const endDeadlineMs = 5000

/** One client's event stream: bytes to one socket, in order, each once, with a bound. */
export class EventStream {
  readonly userId: string
  readonly sessionId: string
  /** The channels that it tells of. One that is told from elsewhere than the stream's own position has where, until it has caught up. */
  readonly channels = new Map<Channel, EntryId | undefined>()
  readonly #response: ServerResponse
  #position: EntryId
  #holding = false
  #held: LoggedFrame[] = []
  #heldBytes = 0
  #overflowed = false
  #endedUnopened = false
  #tooSlow = false

  /** @param position what the client has */
  constructor(response: ServerResponse, caller: { userId: string; sessionId: string }, position: EntryId) {
    this.#response = response
    this.userId = caller.userId
    this.sessionId = caller.sessionId
    this.#position = position
    response.useChunkedEncodingByDefault = false // the stream ends with its connection; no frame is wrapped
    response.shouldKeepAlive = false
  }

  /** Sets where the client is, and the channels that are told from elsewhere. Before anything is told. */
  begin(position: EntryId, elsewhere: ReadonlyMap<Channel, EntryId>): void {
    this.#position = position
    for (const [channel, after] of elsewhere) this.channels.set(channel, after)
  }

  /** Sends the headers, when to come back after an end, and the first frame. */
  open(first: Buffer): void {
    if (this.ended) return
    this.#response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    })
    this.#response.write(`retry: ${reconnectMs}\n\n`)
    this.#response.write(first)
  }

  get ended(): boolean {
    return this.#endedUnopened || this.#response.writableEnded || this.#response.destroyed
  }

  /** True where it was cut because its client did not take what it was told. */
  get tooSlow(): boolean {
    return this.#tooSlow
  }

  /** Up to here it has told all that is in its channels. */
  get position(): EntryId {
    return this.#position
  }

  /** What is published now: told at once, or held while a replay goes on. */
  live(frame: LoggedFrame): void {
    if (!this.#holding) {
      this.#tell(frame)
      return
    }
    this.#held.push(frame)
    this.#heldBytes += frame.frame.length
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

  /** Everything up to `id` has gone by; `mark` tells the client so, without an event. */
  beat(id: EntryId, mark: Buffer): void {
    if (this.#holding) return
    this.#advance(id)
    this.#write(mark)
  }

  hold(): void {
    this.#holding = true
    this.#dropHeld(false)
  }

  /** Tells one entry of a replay, and waits while the client is behind. */
  async replay(frame: LoggedFrame): Promise<void> {
    if (this.ended) return
    this.#advance(frame.id)
    if (!this.#response.write(frame.frame)) await this.#drained()
  }

  /** Goes live again, the replay having come to `upTo`. @returns false where more was held than fits: replay from the position */
  release(upTo: EntryId): boolean {
    this.#advance(upTo)
    for (const channel of this.channels.keys()) this.channels.set(channel, undefined)
    if (this.#overflowed) return false
    const held = this.#held
    this.#dropHeld(false)
    this.#holding = false
    for (const frame of held) this.#tell(frame)
    return true
  }

  /** Ends it once what was written is sent, or after 5 s. One that is not open yet never opens: whoever opens it answers instead. */
  end(last?: Buffer): void {
    if (this.ended) return
    if (!this.#response.headersSent) {
      this.#endedUnopened = true
      return
    }
    if (last) this.#response.write(last)
    this.#response.end()
    const alarm = setTimeout(() => this.#response.destroy(), endDeadlineMs).unref()
    this.#response.once('close', () => clearTimeout(alarm))
  }

  /** Ends it at once, unsent bytes and all. */
  cut(): void {
    this.#dropHeld(false)
    this.#response.destroy()
  }

  #cutAsTooSlow(): void {
    this.#tooSlow = true
    this.cut()
  }

  /** Resolves when the socket takes more, or is gone, after a minute at the latest; leaves no listener behind, however often a long replay waits. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const alarm = setTimeout(() => this.#cutAsTooSlow(), standstillMs).unref()
      const done = () => {
        clearTimeout(alarm)
        this.#response.off('drain', done).off('close', done)
        resolve()
      }
      this.#response.on('drain', done).on('close', done)
    })
  }

  #tell({ id, frame }: LoggedFrame): void {
    if (!isAfter(id, this.#position)) return // the replay has told it
    this.#position = id
    this.#write(frame)
  }

  #advance(id: EntryId): void {
    if (isAfter(id, this.#position)) this.#position = id
  }

  #write(bytes: Buffer): void {
    if (this.ended) return
    if (!this.#response.write(bytes) && this.#response.writableLength > mostUnsentBytes) this.#cutAsTooSlow()
  }

  #dropHeld(overflowed: boolean): void {
    this.#held = []
    this.#heldBytes = 0
    this.#overflowed = overflowed
  }
}
