import type { Logger } from '../platform/logger.js'
import { Arrivals } from './arrivals.js'
import { encodeFrame } from './catalogue.js'
import { CatchUps, type Known } from './catch-ups.js'
import { ControlFeed } from './control-feed.js'
import { encodeCursor } from './cursor.js'
import type { Channel, EventLog, LogListener } from './log/log.js'
import { type EntryId, type Position, raised } from './log/position.js'
import { controlChannel, isControl } from './log/shards.js'
import type { Joined, Left } from './membership-changes.js'
import { Recovery } from './recovery.js'
import { statesOf } from './replay.js'
import type { EventStream, LiveFrame, Mark } from './stream.js'
import { Subscriptions } from './subscriptions.js'

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

/** Told when a person's first stream at this worker begins, and when the last one has ended. */
export interface StreamWatcher {
  arrived(userId: string): void
  left(userId: string): void
  /** A stream has caught up: what passed by meanwhile it has not told. */
  live(stream: EventStream): void
}

interface Blocked {
  readonly userIds: readonly [string, string]
}

interface RevokedSession {
  readonly userId: string
  readonly sessionId: string
  readonly at: string
  readonly reason: string
}

/** A beat every 20 s a stream; the streams are spread over as many turns of a second. */
const heartbeatTurns = 20
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
  readonly #byUser = new Map<string, Set<EventStream>>()
  readonly #streams = new Set<EventStream>()
  readonly #turns: Set<EventStream>[] = Array.from({ length: heartbeatTurns }, () => new Set())
  readonly #subscriptions: Subscriptions
  readonly #controlFeed: ControlFeed
  readonly #catchUps: CatchUps
  readonly #recovery: Recovery
  /** Streams whose users are said to have joined something, until it is known. */
  readonly #admissions = new Map<EventStream, Promise<void>>()
  readonly #arrivals = new Arrivals((channel, frame) => this.#live(channel, frame))
  readonly #timer: NodeJS.Timeout
  #turn = 0
  #confirmedAt: number | undefined
  #epoch: string | undefined
  #draining = false
  #slowDisconnects = 0
  #watcher: StreamWatcher | undefined
  #onRevoked: (sessionId: string) => void = () => undefined
  readonly #onReread = new Map<string, () => void>()
  #onLeft: (left: Left) => void = () => undefined
  #onSettings: (conversationId: string) => void = () => undefined
  #onBlocked: (blocked: Blocked) => void = () => undefined
  #onDrain: (farewell: () => Buffer) => void = () => undefined
  readonly #onSignal = new Map<string, (of: string) => void>()
  #isMember: ((userId: string, conversationId: string) => Promise<boolean>) | undefined

  /** @param awayDeadlineMs how long streams wait for a Redis that was lost */
  constructor(log: EventLog, logger: Logger, { awayDeadlineMs }: { awayDeadlineMs?: number } = {}) {
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

  /** Calls back for each session that ends before its time. */
  onRevoked(listener: (sessionId: string) => void): void {
    this.#onRevoked = listener
  }

  /** Calls back whenever what is kept under this name has changed in the database. */
  onReread(name: string, listener: () => void): void {
    this.#onReread.set(name, listener)
  }

  watch(watcher: StreamWatcher): void {
    this.#watcher = watcher
  }

  /** Calls back whenever people have left a conversation. */
  onLeft(listener: (left: Left) => void): void {
    this.#onLeft = listener
  }

  /** Calls back whenever the settings of a conversation have changed. */
  onSettings(listener: (conversationId: string) => void): void {
    this.#onSettings = listener
  }

  /** Calls back whenever it changes whether one of two has blocked the other. */
  onBlocked(listener: (blocked: Blocked) => void): void {
    this.#onBlocked = listener
  }

  /** Calls back when this worker is about to stop, with what makes the last frame of a stream that is not the hub's. */
  onDrain(listener: (farewell: () => Buffer) => void): void {
    this.#onDrain = listener
  }

  /** Tells the hubs of all workers that something is to be looked at anew. A hint: it is not kept, and may be lost. @throws where Redis is away */
  async signal(topic: string, of: string): Promise<void> {
    await this.#log.tell(controlChannel(0), Buffer.from(`${topic} ${of}`))
  }

  /** Calls back for each such hint of a topic, which is a word. */
  onSignal(topic: string, listener: (of: string) => void): void {
    this.#onSignal.set(topic, listener)
  }

  /** Who is to be asked before a stream tells of a conversation that its user is said to have joined: a log that was lost may be told so once more, and of their going before. */
  askMembership(isMember: (userId: string, conversationId: string) => Promise<boolean>): void {
    this.#isMember = isMember
  }

  /** Knows a stream by its user from now on, so that a conversation that begins meanwhile is heard of. */
  attach(stream: EventStream): void {
    this.#streams.add(stream)
    if (!this.#byUser.has(stream.userId)) this.#watcher?.arrived(stream.userId)
    this.#byUser.set(stream.userId, (this.#byUser.get(stream.userId) ?? new Set()).add(stream))
    this.#turns[this.#streams.size % heartbeatTurns]?.add(stream)
    stream.hold()
    const ofSession = [...(this.#byUser.get(stream.userId) ?? [])].filter(
      ({ sessionId, ended }) => sessionId === stream.sessionId && !ended,
    )
    if (ofSession.length > mostOfSession) ofSession[0]?.end()
  }

  detach(stream: EventStream): void {
    for (const channel of stream.channels.keys()) this.#subscriptions.remove(stream, channel)
    if (this.#streams.delete(stream) && stream.tooSlow) this.#slowDisconnects += 1
    this.#recovery.forget(stream)
    const own = this.#byUser.get(stream.userId)
    own?.delete(stream)
    if (own?.size === 0) {
      this.#byUser.delete(stream.userId)
      this.#watcher?.left(stream.userId)
    }
    for (const turn of this.#turns) turn.delete(stream)
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
  }

  #live(channel: Channel, frame: LiveFrame): void {
    for (const stream of this.#subscriptions.streamsOf(channel)) stream.live(frame)
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
    for (const stream of this.#streams) if (!stream.opened) this.detach(stream) // who opens it tells its client to try again
    this.#recovery.lost(this.#streams)
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
    for (const stream of this.#streams) if (ends(stream)) stream.end(last(stream))
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
    for (const stream of this.#streams) stream.end(farewell())
    this.#onDrain(farewell)
  }

  #signalled(hint: string): void {
    const [topic = '', of = ''] = hint.split(' ')
    this.#onSignal.get(topic)?.(of)
  }

  #control(message: ControlMessage, id: EntryId): void {
    if ('joined' in message) this.#joined(message.joined)
    else if ('left' in message) this.#left(message.left, id)
    else if ('revoked' in message) this.#revoked(message.revoked)
    else if ('reread' in message) this.#onReread.get(message.reread)?.()
    else if ('blocked' in message) this.#onBlocked(message.blocked)
    else if ('settings' in message) this.#onSettings(message.settings)
    else this.#gapIn(message.gap)
  }

  /** Its readers come back, and are told to fetch. */
  #gapIn(channel: Channel): void {
    for (const stream of this.#streams) if (stream.channels.has(channel)) stream.cut()
  }

  #revoked({ userId, sessionId, at, reason }: RevokedSession): void {
    this.#onRevoked(sessionId)
    const last = encodeFrame('session.revoked', { type: 'session.revoked', at, sessionId, reason })
    for (const stream of this.#byUser.get(userId) ?? []) if (stream.sessionId === sessionId) stream.end(last)
  }

  /** People came into a conversation: their streams tell of it. One that has not begun, or waits for Redis, does so when it catches up. */
  #joined(joined: Joined): void {
    const channel: Channel = `conversation:${joined.conversationId}`
    for (const stream of this.#ofUsers(joined.userIds)) {
      const since = stream.membershipChanges.joined(joined)
      if (since === undefined || stream.channels.has(channel)) continue
      this.#admit(stream, { ...joined, since })
    }
  }

  /** Asks whether it is so. Meanwhile the stream stands still: no position that it gives may pass what it has still to tell of the conversation. */
  #admit(stream: EventStream, joined: Joined): void {
    const before = this.#admissions.get(stream)
    const admission = Promise.all([before, this.#ask(stream, joined)])
      .catch((error: unknown) => {
        this.#logger.info({ err: error }, 'a stream could not join a conversation')
        stream.cut()
      })
      .then(() => {
        if (this.#admissions.get(stream) === admission) this.#admissions.delete(stream)
      })
    this.#admissions.set(stream, admission)
    // In a turn, so that the event of their coming, which arrives together with this, is told before what was said meanwhile.
    setImmediate(() => {
      if (stream.opened && !this.#recovery.has(stream)) void this.catchUp(stream)
    })
  }

  async #ask(stream: EventStream, { conversationId, version, since }: Joined): Promise<void> {
    const channel: Channel = `conversation:${conversationId}`
    if (this.#isMember && !(await this.#isMember(stream.userId, conversationId))) return
    if (!this.#streams.has(stream) || stream.channels.has(channel) || !stream.membershipChanges.isIn(conversationId, version)) return
    stream.channels.set(channel, since)
  }

  /** People went from a conversation: their streams tell nothing more of it. */
  #left(left: Left, id: EntryId): void {
    const channel: Channel = `conversation:${left.conversationId}`
    this.#onLeft(left)
    for (const stream of this.#ofUsers(left.userIds)) {
      if (!stream.membershipChanges.left(left, id)) continue
      this.#subscriptions.remove(stream, channel)
      stream.channels.delete(channel)
    }
  }

  #ofUsers(userIds: readonly string[]): EventStream[] {
    return userIds.flatMap((userId) => [...(this.#byUser.get(userId) ?? [])])
  }

  #cutAll(reason: string): void {
    this.#logger.warn({ streams: this.#streams.size }, reason)
    for (const stream of this.#streams) stream.cut()
  }

  async #subscribed(stream: EventStream): Promise<void> {
    await this.#admissions.get(stream)
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
