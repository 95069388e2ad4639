import type { Logger } from '../platform/logger.js'
import { encodeFrame } from './catalogue.js'
import { encodeCursor } from './cursor.js'
import type { Channel, EventLog, LogListener } from './log/log.js'
import { beginning, type EntryId, idIn, origin, type Position, raised } from './log/position.js'
import { controlChannel, isControl } from './log/shards.js'
import { replay } from './replay.js'
import type { EventStream, Mark } from './stream.js'

/** What the hubs of all workers must know by themselves. */
export type ControlMessage =
  | { readonly joined: { readonly conversationId: string; readonly userIds: readonly string[] } }
  /** A session has ended before its time: its streams end at once. */
  | { readonly revoked: RevokedSession }
  /** The channel lost something: who reads it must come back, and is told to fetch. */
  | { readonly gap: Channel }

interface RevokedSession {
  readonly userId: string
  readonly sessionId: string
  readonly at: string
  readonly reason: string
}

interface Subscription {
  readonly streams: Set<EventStream>
  readonly active: Promise<void>
}

/** A beat every 20 s a stream; the streams are spread over as many turns of a second. */
const heartbeatTurns = 20
const turnMs = 1000
const drainJitterMs = 3000
/** The blank line after an id. */
const positionAlone = Buffer.from('\n')
/** More than these of one session at this worker, and the oldest ends. */
const mostOfSession = 10

/**
 * This worker's streams and the channels they need. A channel is subscribed to while one of them needs it.
 * A lost subscription, a gap or a new epoch ends streams: each client comes back with its position and is told what it missed.
 */
export class Hub implements LogListener {
  readonly #log: EventLog
  readonly #logger: Logger
  readonly #byUser = new Map<string, Set<EventStream>>()
  readonly #streams = new Set<EventStream>()
  readonly #subscriptions = new Map<Channel, Subscription>()
  readonly #turns: Set<EventStream>[] = Array.from({ length: heartbeatTurns }, () => new Set())
  readonly #catchingUp = new Map<EventStream, Promise<void>>()
  readonly #timer: NodeJS.Timeout
  #turn = 0
  #epoch: string | undefined
  /** Everything up to here has gone by: of each shard the newest entry that was heard of. */
  #position: Position
  #listening: Promise<void> | undefined
  #draining = false
  #slowDisconnects = 0
  #hearing = false
  #losses = 0
  #onRevoked: (sessionId: string) => void = () => undefined

  constructor(log: EventLog, logger: Logger) {
    this.#log = log
    this.#logger = logger
    this.#position = beginning(log.shards)
    log.listen(this)
    this.#timer = setInterval(() => this.#beat(), turnMs)
    this.#timer.unref()
  }

  get draining(): boolean {
    return this.#draining
  }

  get streamCount(): number {
    return this.#streams.size
  }

  /** How many streams were cut because their clients did not take what they were told. */
  get slowDisconnects(): number {
    return this.#slowDisconnects
  }

  /** How many of a user's streams are open at this worker. */
  streamsOf(userId: string): number {
    return [...(this.#byUser.get(userId) ?? [])].filter(({ ended }) => !ended).length
  }

  /** Listens to what all hubs are told. To be awaited before a stream is attached. @throws where Redis is away */
  async ready(): Promise<void> {
    this.#listening ??= this.#log
      .subscribe(...Array.from({ length: this.#log.shards }, (_, shard) => controlChannel(shard)))
      .catch((error: unknown) => {
        this.#listening = undefined
        throw error
      })
    await this.#listening
    this.#hearing = true
  }

  /** Another value whenever something that all hubs were told may have gone by unheard; undefined while nothing is heard. */
  get hearing(): number | undefined {
    return this.#hearing ? this.#losses : undefined
  }

  /** Calls back for each session that ends before its time. */
  onRevoked(listener: (sessionId: string) => void): void {
    this.#onRevoked = listener
  }

  /** Knows a stream by its user from now on, so that a conversation that begins meanwhile is heard of. */
  attach(stream: EventStream): void {
    this.#streams.add(stream)
    this.#byUser.set(stream.userId, (this.#byUser.get(stream.userId) ?? new Set()).add(stream))
    this.#turns[this.#streams.size % heartbeatTurns]?.add(stream)
    stream.hold()
    const ofSession = [...(this.#byUser.get(stream.userId) ?? [])].filter(
      ({ sessionId, ended }) => sessionId === stream.sessionId && !ended,
    )
    if (ofSession.length > mostOfSession) ofSession[0]?.end()
  }

  detach(stream: EventStream): void {
    for (const channel of stream.channels.keys()) this.#leave(stream, channel)
    if (this.#streams.delete(stream) && stream.tooSlow) this.#slowDisconnects += 1
    const own = this.#byUser.get(stream.userId)
    own?.delete(stream)
    if (own?.size === 0) this.#byUser.delete(stream.userId)
    for (const turn of this.#turns) turn.delete(stream)
  }

  /** Subscribes to channels for a stream, which tells what each holds after the given position, or after its own. @throws where Redis is away */
  async join(stream: EventStream, channels: ReadonlyMap<Channel, EntryId | undefined>): Promise<void> {
    await Promise.all([...channels].map(([channel, after]) => this.#joinOne(stream, channel, after)))
  }

  /**
   * Brings a stream from its own position to now, and lets it go live: holds its live output, takes the head, replays its channels
   * up to it, flushes. To be called once its channels are subscribed to. One at a time a stream; a call meanwhile goes after it.
   */
  catchUp(stream: EventStream): Promise<void> {
    stream.hold()
    const before = this.#catchingUp.get(stream) ?? Promise.resolve()
    const running = before
      .then(() => this.#replayTo(stream))
      .catch((error: unknown) => {
        this.#logger.info({ err: error }, 'a stream could not catch up')
        stream.cut()
      })
    this.#catchingUp.set(stream, running)
    return running.finally(() => {
      if (this.#catchingUp.get(stream) === running) this.#catchingUp.delete(stream)
    })
  }

  frame(channel: Channel, id: EntryId | undefined, frame: Buffer): void {
    if (id === undefined) {
      for (const stream of this.#subscriptions.get(channel)?.streams ?? []) stream.passing(frame)
      return
    }
    const shard = this.#log.shardOf(channel)
    const position = raised(this.#position, shard, id)
    if (isControl(channel)) {
      if (frame.length > 0) this.#control(JSON.parse(frame.toString()) as ControlMessage)
    } else {
      const live = { shard, id, ...this.#mark(position, frame) }
      for (const stream of this.#subscriptions.get(channel)?.streams ?? []) stream.live(live)
    }
    this.#position = position
  }

  /** The one Buffer that every stream gets: the position, then the frame. */
  #mark(position: Position, frame: Buffer): Mark {
    const epoch = this.#epoch ?? ''
    const bytesAt = (at: Position): Buffer => Buffer.concat([Buffer.from(`id: ${encodeCursor({ epoch, position: at })}\n`), frame])
    return { position, bytes: bytesAt(position), bytesAt }
  }

  gap(): void {
    this.#subscriptions.clear()
    this.#listening = undefined
    this.#hearing = false
    this.#losses += 1
    for (const stream of this.#streams) {
      stream.channels.clear()
      stream.cut()
    }
  }

  /** What the log holds was lost in part: every position given so far is worth nothing. */
  noteEpoch(epoch: string): void {
    if (this.#epoch === epoch) return
    if (this.#epoch !== undefined) {
      this.#logger.warn({ streams: this.#streams.size }, 'the log’s epoch changed')
      this.#position = beginning(this.#log.shards)
      for (const stream of this.#streams) stream.cut()
    }
    this.#epoch = epoch
  }

  /** Tells every stream to come back a little later, each at another moment, and ends it. */
  drain(): void {
    this.#draining = true
    clearInterval(this.#timer)
    for (const stream of this.#streams) {
      const reconnectInMs = Math.floor(Math.random() * drainJitterMs)
      stream.end(encodeFrame('server.draining', { type: 'server.draining', reconnectInMs }))
    }
  }

  #control(message: ControlMessage): void {
    if ('joined' in message) this.#joined(message.joined)
    else if ('revoked' in message) this.#revoked(message.revoked)
    else for (const stream of this.#subscriptions.get(message.gap)?.streams ?? []) stream.cut()
  }

  #revoked({ userId, sessionId, at, reason }: RevokedSession): void {
    this.#onRevoked(sessionId)
    const last = encodeFrame('session.revoked', { type: 'session.revoked', at, sessionId, reason })
    for (const stream of this.#byUser.get(userId) ?? []) if (stream.sessionId === sessionId) stream.end(last)
  }

  /** Someone joined a conversation: their streams tell of it from its beginning in the log. */
  #joined(joined: { readonly conversationId: string; readonly userIds: readonly string[] }): void {
    const channel: Channel = `conversation:${joined.conversationId}`
    for (const userId of joined.userIds) {
      for (const stream of this.#byUser.get(userId) ?? []) {
        if (stream.channels.has(channel)) continue
        stream.hold()
        this.join(stream, new Map([[channel, origin]])).then(
          () => this.catchUp(stream),
          () => stream.cut(),
        )
      }
    }
  }

  async #replayTo(stream: EventStream): Promise<void> {
    for (let done = false; !done && !stream.ended; ) {
      const head = await this.#log.head()
      this.noteEpoch(head.epoch)
      const from = new Map<Channel, EntryId>()
      for (const [channel, after] of stream.channels) from.set(channel, after ?? idIn(stream.position, this.#log.shardOf(channel)))
      for await (const { shard, id, frame } of replay(this.#log, from, head.position)) {
        if (stream.ended) return
        // What a newly joined channel held before the stream's position is told without taking the client's position back.
        const position = raised(stream.position, shard, id)
        await stream.replay(position, this.#mark(position, frame).bytes)
      }
      done = stream.release(head.position)
    }
  }

  async #joinOne(stream: EventStream, channel: Channel, after: EntryId | undefined): Promise<void> {
    if (!this.#streams.has(stream)) return // it has ended meanwhile
    stream.channels.set(channel, after)
    const subscription = this.#subscriptions.get(channel) ?? this.#subscribe(channel)
    subscription.streams.add(stream)
    await subscription.active
  }

  #subscribe(channel: Channel): Subscription {
    const subscription = { streams: new Set<EventStream>(), active: this.#log.subscribe(channel) }
    this.#subscriptions.set(channel, subscription)
    subscription.active.catch(() => {
      if (this.#subscriptions.get(channel) === subscription) this.#subscriptions.delete(channel)
    })
    return subscription
  }

  #leave(stream: EventStream, channel: Channel): void {
    const subscription = this.#subscriptions.get(channel)
    if (!subscription?.streams.delete(stream) || subscription.streams.size > 0) return
    this.#subscriptions.delete(channel)
    this.#log.unsubscribe(channel)
  }

  /** A position alone: sets the client's Last-Event-ID and fires no event, so that an idle stream's position stays young. */
  #beat(): void {
    this.#turn = (this.#turn + 1) % heartbeatTurns
    if (this.#turn === 0 && this.#streams.size > 0) this.#refresh()
    const mark = this.#mark(this.#position, positionAlone)
    for (const stream of this.#turns[this.#turn] ?? []) stream.beat(mark)
  }

  #refresh(): void {
    const refreshing = async () => {
      await this.#log.tick()
      this.noteEpoch((await this.#log.head()).epoch)
    }
    refreshing().catch((error: unknown) => this.#logger.warn({ err: error }, 'the log did not answer'))
  }
}
