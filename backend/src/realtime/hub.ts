import type { Logger } from '../platform/logger.js'
import { Admissions, type IsMember } from './admissions.js'
import { Arrivals } from './arrivals.js'
import { encodeFrame } from './catalogue.js'
import { CatchUps, type Known } from './catch-ups.js'
import { ControlFeed } from './control-feed.js'
import type { ControlMessage, RevokedSession } from './control-message.js'
import { encodeCursor } from './cursor.js'
import type { Channel, EventLog, LogListener } from './log/log.js'
import { type EntryId, type Position, raised } from './log/position.js'
import { controlChannel, isControl } from './log/shards.js'
import type { Left } from './membership-changes.js'
import { type Notice, Notices } from './notices.js'
import type { PublishLatency } from './publish-latency.js'
import { Recovery } from './recovery.js'
import { statesOf } from './replay.js'
import type { EventStream, LiveFrame, Mark } from './stream.js'
import { Subscriptions } from './subscriptions.js'
import { heartbeatTurns, WorkerStreams } from './worker-streams.js'

/** Told when a person's first stream at this worker begins, and when the last one has ended. */
export interface StreamWatcher {
  arrived(userId: string): void
  left(userId: string): void
  /** A stream has caught up: what passed by meanwhile it has not told. */
  live(stream: EventStream): void
}

const turnMs = 1000
const drainJitterMs = 3000
/** What a worker believes because it heard nothing else is a second old at most. */
const mostSilentMs = 1000
/** The blank line after an id. */
const positionAlone = Buffer.from('\n')
/** More than these of one session at this worker, and the oldest ends. */
const mostOfSession = 10

/**
 * This worker's streams. They outlive a lost connection to Redis: held while it is away, then brought to now from where they were.
 * A gap or a new epoch ends streams: each client comes back with its position and is told what it missed.
 */
export class Hub implements LogListener {
  readonly #log: EventLog
  readonly #logger: Logger
  readonly #streams = new WorkerStreams()
  readonly #notices = new Notices()
  readonly #subscriptions: Subscriptions
  readonly #controlFeed: ControlFeed
  readonly #catchUps: CatchUps
  readonly #recovery: Recovery
  readonly #admissions: Admissions
  readonly #arrivals = new Arrivals((channel, frame) => this.#live(channel, frame))
  readonly #timer: NodeJS.Timeout
  readonly #latency: PublishLatency | undefined
  #turn = 0
  #confirmedAt: number | undefined
  #epoch: string | undefined
  #draining = false
  #slowDisconnects = 0
  /** Of streams that have ended. */
  #eventsDelivered = 0
  #watcher: StreamWatcher | undefined

  /**
   * @param awayDeadlineMs how long streams wait for a Redis that was lost
   * @param latency told of what comes and is written
   */
  constructor(log: EventLog, logger: Logger, { awayDeadlineMs, latency }: { awayDeadlineMs?: number; latency?: PublishLatency } = {}) {
    this.#latency = latency
    this.#log = log
    this.#logger = logger
    this.#subscriptions = new Subscriptions(log)
    this.#controlFeed = new ControlFeed({
      log,
      heed: (message, id) => this.#control(JSON.parse(message.toString()) as ControlMessage, id),
      onHead: ({ epoch }) => this.noteEpoch(epoch),
      onGap: () => this.#cutAll('what all hubs are told has a gap'),
    })
    this.#catchUps = new CatchUps({
      log,
      logger,
      subscribed: (stream) => this.#subscribed(stream),
      heard: () => this.#controlFeed.heard(),
      onEpoch: (epoch) => this.noteEpoch(epoch),
      withId: (position, frame) => this.#mark(position, frame).bytes,
    })
    this.#recovery = new Recovery({
      logger,
      prepare: (streams) => this.#prepare(streams),
      catchUp: (stream, known) => this.catchUp(stream, known),
      ...(awayDeadlineMs === undefined ? {} : { deadlineMs: awayDeadlineMs }),
    })
    this.#admissions = new Admissions({
      logger,
      isOpen: (stream) => this.#streams.has(stream),
      catchUp: (stream) => {
        if (stream.opened && !this.#recovery.has(stream)) void this.catchUp(stream)
      },
    })
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

  /** How many events were written to streams, one for each stream. */
  get eventsDelivered(): number {
    let delivered = this.#eventsDelivered
    for (const stream of this.#streams.all) delivered += stream.events
    return delivered
  }

  /** How many of a user's streams are open at this worker. */
  streamsOf(userId: string): number {
    return this.#streams.of(userId).filter(({ ended }) => !ended).length
  }

  /** Listens to what all hubs are told. To be awaited before a stream is attached. @throws where Redis is away */
  async ready(): Promise<void> {
    await this.#controlFeed.listen(this.#streams.size > 0)
  }

  /** False where a stream was given up before it began: Redis was lost meanwhile. */
  has(stream: EventStream): boolean {
    return this.#streams.has(stream)
  }

  /**
   * Another value whenever something that all hubs were told may have gone by unheard; undefined while nothing is heard,
   * or nothing has confirmed for a second that it is.
   */
  get hearing(): number | undefined {
    if (this.#confirmedAt !== undefined && performance.now() - this.#confirmedAt > mostSilentMs) return undefined
    return this.#controlFeed.hearing
  }

  /** Makes sure that all that was told before is heeded: a connection may hang for long before it is given up. @throws where Redis is away */
  async confirm(): Promise<void> {
    const askedAt = performance.now()
    await this.#controlFeed.heard(this.#streams.size > 0)
    this.#confirmedAt = askedAt
  }

  /** Calls back whenever this is heard of. */
  on<K extends keyof Notice>(kind: K, listener: (notice: Notice[K]) => void): void {
    this.#notices.on(kind, listener)
  }

  watch(watcher: StreamWatcher): void {
    this.#watcher = watcher
  }

  /** Tells the hubs of all workers that something is to be looked at anew. A hint: it is not kept, and may be lost. @throws where Redis is away */
  async signal(topic: string, of: string): Promise<void> {
    await this.#log.tell(controlChannel(0), Buffer.from(`${topic} ${of}`))
  }

  /** True while a stream here tells of a channel. */
  tells(channel: Channel): boolean {
    return this.#subscriptions.streamsOf(channel).size > 0
  }

  /** Who is to be asked before a stream tells of a conversation that its user is said to have joined. */
  askMembership(isMember: IsMember): void {
    this.#admissions.ask(isMember)
  }

  /** Knows a stream by its user from now on, so that a conversation that begins meanwhile is heard of. */
  attach(stream: EventStream): void {
    if (this.#streams.add(stream)) this.#watcher?.arrived(stream.userId)
    stream.hold()
    const ofSession = this.#streams.of(stream.userId).filter(({ sessionId, ended }) => sessionId === stream.sessionId && !ended)
    if (ofSession.length > mostOfSession) ofSession[0]?.end()
  }

  detach(stream: EventStream): void {
    for (const channel of stream.channels.keys()) this.#subscriptions.remove(stream, channel)
    this.#recovery.forget(stream)
    const { wasThere, wasLast } = this.#streams.delete(stream)
    if (wasThere) this.#eventsDelivered += stream.events
    if (wasThere && stream.tooSlow) this.#slowDisconnects += 1
    if (wasLast) this.#watcher?.left(stream.userId)
  }

  /** Subscribes to channels for a stream, which tells what each holds after the given id, or after its own position. @throws where Redis is away */
  async join(stream: EventStream, channels: ReadonlyMap<Channel, EntryId | undefined>): Promise<void> {
    if (!this.#streams.has(stream)) return // it has ended meanwhile
    for (const [channel, after] of channels) stream.channels.set(this.#subscriptions.nameOf(channel), after)
    await this.#subscriptions.add([stream])
  }

  /** Brings a stream from its own position to now, and lets it go live. */
  async catchUp(stream: EventStream, known?: Known): Promise<void> {
    await this.#catchUps.run(stream, known)
    if (!stream.ended) this.#watcher?.live(stream)
  }

  frame(channel: Channel, id: EntryId | undefined, frame: Buffer): void {
    if (id === undefined) {
      this.#arrivals.tell()
      if (isControl(channel)) this.#signalled(frame.toString())
      for (const stream of this.#subscriptions.streamsOf(channel)) stream.passing(frame)
      return
    }
    const shard = this.#log.shardOf(channel)
    if (isControl(channel)) {
      this.#arrivals.tell()
      this.#controlFeed.arrived(shard, id, frame)
      return
    }
    const position = raised(this.#arrivals.position ?? this.#controlFeed.position, shard, id)
    this.#arrivals.add(channel, { shard, id, ...this.#mark(position, frame) })
    this.#latency?.arrived(channel, frame)
  }

  #live(channel: Channel, frame: LiveFrame): void {
    for (const stream of this.#subscriptions.streamsOf(channel)) stream.live(frame)
    this.#latency?.written()
    this.#controlFeed.passed(frame.shard, frame.id)
  }

  /** The one Buffer that every stream gets: the position, then the frame. */
  #mark(position: Position, frame: Buffer): Mark {
    const epoch = this.#epoch ?? ''
    const bytesAt = (at: Position): Buffer => {
      const line = `id: ${encodeCursor({ epoch, position: at })}\n`
      const bytes = Buffer.allocUnsafe(line.length + frame.length)
      bytes.write(line, 'latin1')
      bytes.set(frame, line.length)
      return bytes
    }
    return { position, bytes: bytesAt(position), bytesAt }
  }

  gap(): void {
    this.#arrivals.tell()
    this.#controlFeed.lost()
    this.#subscriptions.clear()
    for (const stream of this.#streams.all) if (!stream.opened) this.detach(stream) // who opens it tells its client to try again
    this.#recovery.lost(this.#streams.all)
  }

  restored(): void {
    void this.#recovery.restore()
  }

  /** What the log holds was lost in part: every position given so far is worth nothing. */
  noteEpoch(epoch: string): void {
    if (this.#epoch === epoch) return
    if (this.#epoch !== undefined) {
      this.#controlFeed.startOver()
      this.#cutAll('the log’s epoch changed')
    }
    this.#epoch = epoch
  }

  /** Ends the streams that it is true for, with a last frame without an id. */
  endStreams(ends: (stream: EventStream) => boolean, last: (stream: EventStream) => Buffer): void {
    for (const stream of this.#streams.all) if (ends(stream)) stream.end(last(stream))
  }

  /** Tells every stream to come back a little later, each at another moment, and ends it. */
  drain(): void {
    this.#draining = true
    this.#arrivals.tell()
    clearInterval(this.#timer)
    const farewell = () => {
      const reconnectInMs = Math.floor(Math.random() * drainJitterMs)
      return encodeFrame('server.draining', { type: 'server.draining', reconnectInMs })
    }
    for (const stream of this.#streams.all) stream.end(farewell())
    this.#notices.tell('drain', farewell)
  }

  #signalled(hint: string): void {
    const [topic = '', of = ''] = hint.split(' ')
    this.#notices.tell('signal', { topic, of })
  }

  #control(message: ControlMessage, id: EntryId): void {
    if ('joined' in message)
      for (const stream of this.#streams.ofUsers(message.joined.userIds)) this.#admissions.admit(stream, message.joined)
    else if ('left' in message) this.#left(message.left, id)
    else if ('revoked' in message) this.#revoked(message.revoked)
    else if ('settings' in message) this.#notices.tell('settings', message.settings)
    else if ('reread' in message) this.#notices.tell('reread', message.reread)
    else if ('blocked' in message) this.#notices.tell('blocked', message.blocked)
    else this.#gapIn(message.gap)
  }

  /** Its readers come back, and are told to fetch. */
  #gapIn(channel: Channel): void {
    for (const stream of this.#streams.all) if (stream.channels.has(channel)) stream.cut()
  }

  #revoked({ userId, sessionId, at, reason }: RevokedSession): void {
    this.#notices.tell('revoked', sessionId)
    const last = encodeFrame('session.revoked', { type: 'session.revoked', at, sessionId, reason })
    for (const stream of this.#streams.of(userId)) if (stream.sessionId === sessionId) stream.end(last)
  }

  /** People went from a conversation: their streams tell nothing more of it. */
  #left(left: Left, id: EntryId): void {
    const channel: Channel = `conversation:${left.conversationId}`
    this.#notices.tell('left', left)
    for (const stream of this.#streams.ofUsers(left.userIds)) {
      if (!stream.membershipChanges.left(left, id)) continue
      this.#subscriptions.remove(stream, channel)
      stream.channels.delete(channel)
    }
  }

  #cutAll(reason: string): void {
    this.#logger.warn({ streams: this.#streams.size }, reason)
    for (const stream of this.#streams.all) stream.cut()
  }

  async #subscribed(stream: EventStream): Promise<void> {
    await this.#admissions.settled(stream)
    await this.ready()
    if (this.#streams.has(stream)) await this.#subscriptions.add([stream])
  }

  async #prepare(streams: ReadonlySet<EventStream>): Promise<Known> {
    await this.ready()
    await this.#subscriptions.add(streams)
    const channels = new Set<Channel>()
    for (const stream of streams) for (const channel of stream.channels.keys()) channels.add(channel)
    const head = await this.#log.head()
    this.noteEpoch(head.epoch)
    await this.#controlFeed.heard()
    return { head, states: await statesOf(this.#log, [...channels]) }
  }

  /** A position alone: sets the client's Last-Event-ID and fires no event, so that an idle stream's position stays young. */
  #beat(): void {
    this.#turn = (this.#turn + 1) % heartbeatTurns
    if (this.#turn === 0 && this.#streams.size > 0) this.#refresh()
    const mark = this.#mark(this.#controlFeed.position, positionAlone)
    for (const stream of this.#streams.ofTurn(this.#turn)) stream.beat(mark)
  }

  #refresh(): void {
    const refreshing = async () => {
      await this.#log.tick()
      this.noteEpoch((await this.#log.head()).epoch)
    }
    refreshing().catch((error: unknown) => this.#logger.warn({ err: error }, 'the log did not answer'))
  }
}
