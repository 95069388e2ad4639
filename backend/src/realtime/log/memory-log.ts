import { randomUUID } from 'node:crypto'
import type { Answer, Channel, ChannelState, Entry, EventLog, Head, LoggedFrame, LogLimits, LogListener, Page, Standing } from './log.js'
import { mostRemembered, rememberedMs } from './log.js'
import { compareIds, type EntryId, isAfter, millisecondsOf, origin } from './position.js'
import { controlChannel } from './shards.js'

interface Logged extends LoggedFrame {
  readonly eventId: string
  readonly messageId: string | undefined
}

interface ChannelLog {
  entries: Logged[]
  last: EntryId
  floor: EntryId
  seq: number | undefined
  readonly held: Map<number, Entry>
  readonly purged: Set<string>
  /** The events without a seq and when they were told, newest last. */
  readonly told: Map<string, number>
  expiresAt: number
}

const mostHeld = 1000
const sweepEvery = 1000
const control = controlChannel(0)

/** The log of a single process without Redis: the same rules, in memory. Its epoch is the process's. */
export class MemoryLog implements EventLog {
  readonly shards = 1
  readonly ttlSeconds: number
  readonly #epoch = randomUUID()
  readonly #limits: LogLimits
  readonly #now: () => number
  readonly #channels = new Map<Channel, ChannelLog>()
  readonly #subscribed = new Set<Channel>()
  #listener: LogListener | undefined
  #clock: EntryId = origin
  #appends = 0
  constructor(limits: LogLimits, now: () => number = Date.now) {
    this.#limits = limits
    this.ttlSeconds = limits.ttlSeconds
    this.#now = now
  }

  shardOf(): number {
    return 0
  }

  append(entry: Entry): Promise<Answer> {
    const outcome = this.#append(entry)
    if (++this.#appends % sweepEvery === 0) this.#forgetExpired()
    return Promise.resolve({ epoch: this.#epoch, outcome })
  }

  setBase(channel: Channel, base: number): Promise<void> {
    const log = this.#log(channel)
    if (log.seq === undefined) this.#release(channel, log, base)
    return Promise.resolve()
  }

  passOver(channel: Channel, seq: number): Promise<boolean> {
    const log = this.#log(channel)
    if (log.seq !== undefined && seq <= log.seq) return Promise.resolve(false)
    for (const held of log.held.keys()) if (held <= seq) log.held.delete(held)
    log.floor = this.#nextId()
    this.#write(control, this.#log(control), { eventId: '', frame: Buffer.from(JSON.stringify({ gap: channel })) }, undefined)
    this.#release(channel, log, seq)
    return Promise.resolve(true)
  }

  purge(channel: Channel, messageId: string): Promise<void> {
    const log = this.#log(channel)
    log.purged.add(messageId)
    log.entries = log.entries.filter((entry) => entry.messageId !== messageId)
    return Promise.resolve()
  }

  tell(channel: Channel, frame: Buffer): Promise<void> {
    this.#publish(channel, undefined, frame)
    return Promise.resolve()
  }

  head(): Promise<Head> {
    return Promise.resolve({ epoch: this.#epoch, position: [this.#youngId()], now: this.#now() })
  }

  standing(channel: Channel): Promise<Standing> {
    return Promise.resolve({ seq: this.#live(channel)?.seq, id: this.#youngId() })
  }

  tick(): Promise<void> {
    this.#publish(control, this.#nextId(), Buffer.alloc(0))
    return Promise.resolve()
  }

  states(channels: readonly Channel[]): Promise<ChannelState[]> {
    return Promise.resolve(channels.map((channel) => this.#live(channel) ?? { last: origin, floor: origin }))
  }

  read(channel: Channel, after: EntryId, upTo: EntryId, count: number): Promise<Page> {
    const log = this.#live(channel)
    const entries = log?.entries.filter(({ id }) => isAfter(id, after) && !isAfter(id, upTo)).slice(0, count) ?? []
    return Promise.resolve({ entries: entries.map(({ id, frame }) => ({ id, frame })), floor: log?.floor ?? origin })
  }

  subscribe(channels: readonly Channel[]): Promise<void> {
    for (const channel of channels) this.#subscribed.add(channel)
    return Promise.resolve()
  }

  unsubscribe(channel: Channel): void {
    this.#subscribed.delete(channel)
  }

  listen(listener: LogListener): void {
    this.#listener = listener
  }

  #append(entry: Entry): Answer['outcome'] {
    const { channel, seq } = entry
    const log = this.#log(channel)
    if (seq !== undefined) {
      if (log.seq === undefined) return 'need-base'
      if (seq <= log.seq) return 'appended'
      if (seq > log.seq + 1) {
        if (log.held.size < mostHeld) log.held.set(seq, entry)
        return 'held'
      }
    } else if (log.told.has(entry.eventId)) return 'appended'
    if (entry.control) this.#write(control, this.#log(control), { ...entry, frame: Buffer.from(JSON.stringify(entry.control)) }, undefined)
    this.#writeEvent(channel, log, entry)
    if (seq === undefined) this.#noteTold(log, entry.eventId)
    else this.#release(channel, log, seq)
    return 'appended'
  }

  #noteTold({ told }: ChannelLog, eventId: string): void {
    const now = this.#now()
    const { entriesPerChannel } = this.#limits
    told.set(eventId, now)
    for (const [oldest, at] of told) {
      if (told.size <= entriesPerChannel) return
      if (told.size <= mostRemembered * entriesPerChannel && at > now - rememberedMs) return
      told.delete(oldest)
    }
  }

  #writeEvent(channel: Channel, log: ChannelLog, entry: Entry): void {
    if (entry.messageId !== undefined && log.purged.has(entry.messageId)) return
    this.#write(channel, log, entry, entry.messageId)
  }

  #write(channel: Channel, log: ChannelLog, { eventId, frame }: Pick<Entry, 'eventId' | 'frame'>, messageId: string | undefined): void {
    const id = this.#nextId()
    log.entries.push({ id, frame, eventId, messageId })
    const trimmed = log.entries.splice(0, Math.max(0, log.entries.length - this.#limits.entriesPerChannel)).at(-1)
    if (trimmed) log.floor = trimmed.id
    log.last = id
    log.expiresAt = this.#now() + this.#limits.ttlSeconds * 1000
    this.#publish(channel, id, frame)
  }

  #release(channel: Channel, log: ChannelLog, from: number): void {
    let seq = from
    for (let next = log.held.get(seq + 1); next; next = log.held.get(seq + 1)) {
      seq += 1
      log.held.delete(seq)
      this.#writeEvent(channel, log, next)
    }
    log.seq = seq
  }

  #publish(channel: Channel, id: EntryId | undefined, frame: Buffer): void {
    if (this.#subscribed.has(channel)) this.#listener?.frame(channel, id, frame)
  }

  #live(channel: Channel): ChannelLog | undefined {
    const log = this.#channels.get(channel)
    return log && log.expiresAt > this.#now() ? log : undefined
  }

  #log(channel: Channel): ChannelLog {
    const live = this.#live(channel)
    if (live) return live
    const expiresAt = this.#now() + this.#limits.ttlSeconds * 1000
    const fresh: ChannelLog = {
      entries: [],
      last: origin,
      floor: origin,
      seq: undefined,
      held: new Map(),
      purged: new Set(),
      told: new Map(),
      expiresAt,
    }
    this.#channels.set(channel, fresh)
    return fresh
  }

  #youngId(): EntryId {
    return millisecondsOf(this.#clock) < this.#now() - 1000 ? this.#nextId() : this.#clock
  }

  #nextId(): EntryId {
    const now = this.#now()
    const next = `${now}-0`
    if (compareIds(next, this.#clock) > 0) this.#clock = next
    else this.#clock = `${millisecondsOf(this.#clock)}-${Number(this.#clock.split('-')[1]) + 1}`
    return this.#clock
  }

  #forgetExpired(): void {
    for (const [channel, log] of this.#channels) if (log.expiresAt <= this.#now()) this.#channels.delete(channel)
  }
}
