import { setTimeout as sleep } from 'node:timers/promises'
import type { mongo, Types } from 'mongoose'
import { withDeadline } from '../platform/deadline.js'
import type { Logger } from '../platform/logger.js'
import type { Channel, Entry, EventLog } from './log/log.js'
import type { OutboxEntry, WithOutbox } from './outbox-entry.js'
import type { PublishLatency } from './publish-latency.js'

type Stored = WithOutbox & { readonly _id: Types.ObjectId }

/** A collection whose documents carry outboxes, and how what they carry is told. */
interface TypedSource<D extends Stored> {
  collection(): mongo.Collection<D>
  /** What to append for one entry; several where an event goes to several channels: the first of them is in the log before the others go. */
  tell(document: D, entry: OutboxEntry): readonly Entry[] | Promise<readonly Entry[]>
  /** The same in fewer events, where one can tell of several documents. Then nothing is told of a document alone, and no followUp done. */
  tellTogether?(documents: readonly D[]): Promise<readonly { readonly entries: readonly Entry[]; readonly documents: readonly D[] }[]>
  /** What else a change asks for, done once its entry is in the log and before it is forgotten. May be done again: by another worker, or after a failure. */
  followUp?(document: D, entry: OutboxEntry): Promise<void> | void
  /** A deleted message: its content leaves the log before anything else is told of it. */
  purges?(document: D): { readonly channel: Channel; readonly messageId: string } | undefined
  /** The base of a channel that has forgotten where it stands: one below the lowest seq that is not told yet, as far as `isTold` does not know better. */
  baseOf(document: D, isTold?: (entry: OutboxEntry) => boolean): Promise<number>
}

/** A source whose documents' type is forgotten: it is only ever given its own. */
export type OutboxSource = TypedSource<Stored>

export const outboxSource = <D extends Stored>(source: TypedSource<D>): OutboxSource => source as unknown as OutboxSource

interface Patience {
  readonly patient: boolean
  /** When the change was committed, where it is to be measured how long it takes until it is told. */
  readonly committedAt?: number | undefined
}

interface Told {
  readonly source: OutboxSource
  readonly id: Types.ObjectId
  readonly eventId: string
  readonly epoch: string
  readonly at: number
}

interface Dependencies {
  readonly log: EventLog
  readonly logger: Logger
  /** Told of each epoch that the log answers with. */
  readonly onEpoch: (epoch: string) => void
  /** Longer than a failover takes to be noticed: until then the log may lose what it took. */
  readonly forgetAfterMs?: number
  readonly latency?: Pick<PublishLatency, 'committed' | 'expect'>
}

const defaultForgetAfterMs = 45_000
const tickMs = 1000
const mostWaitMs = 10_000
const mostTold = 200_000
const mostUntold = 50_000
const mostInOneWrite = 1000
const heldRetriesMs = [20, 50, 100, 200, 400]

/** Publishes what documents carry in their outboxes, and forgets it once the log has had it for long enough. */
export class Outbox {
  readonly #deps: Dependencies
  readonly #timer: NodeJS.Timeout
  /** By event id, the oldest first. */
  readonly #told = new Map<string, Told>()
  #epoch: string | undefined
  /** All of `#told` is of this epoch; undefined where that is not known. */
  #toldIn: string | undefined
  #working: Promise<void> | undefined
  readonly #untold = new Map<OutboxSource, Types.ObjectId[]>()
  readonly #basing = new Map<Entry['channel'], Promise<void>>()
  readonly #publishing = new Set<Promise<unknown>>()
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#timer = setInterval(() => this.#tick(), tickMs)
    this.#timer.unref()
  }

  /** Publishes in the background, in order. What is not told then stays in its document, and is tried again: by this worker soon, else by the sweeper. */
  publish(source: OutboxSource, documents: readonly Stored[]): void {
    if (source.tellTogether) void this.#track(this.#publishTogether(source, documents))
    else for (const document of documents) void this.#publishInBackground(source, document, this.#deps.latency?.committed())
  }

  /**
   * Publishes and waits until it is told, or 10 s: for what must have been heard before it is answered.
   * @returns false where it is not told by then; it is tried again
   */
  async publishAndWait(source: OutboxSource, document: Stored): Promise<boolean> {
    return withDeadline(this.#publishInBackground(source, document, this.#deps.latency?.committed()), mostWaitMs, 'publishing').catch(
      (error: unknown) => {
        this.#deps.logger.warn({ err: error }, 'not published in time')
        return false
      },
    )
  }

  /**
   * Publishes a document's whole outbox in order. It stops at what the log holds back, so that no edit overtakes its create.
   * @param options patient: whether to wait a moment for what it is held for
   * @returns true where all of it is in the log
   */
  async publishOne(source: OutboxSource, document: Stored, options: Patience = { patient: true }): Promise<boolean> {
    const purged = document.outbox && source.purges?.(document)
    if (purged) await this.#deps.log.purge(purged.channel, purged.messageId)
    const waiting = (document.outbox ?? []).filter((entry) => !this.#isTold(entry))
    const told: { entry: OutboxEntry; epoch: string }[] = []
    for (const entry of waiting) {
      const epoch = await this.#tell(source, document, entry, options)
      if (epoch === undefined) break
      told.push({ entry, epoch })
    }
    for (const { entry, epoch } of told) {
      await source.followUp?.(document, entry)
      this.#note({ source, id: document._id, eventId: entry.eventId, epoch, at: Date.now() })
      this.#logTold(entry)
    }
    return told.length === waiting.length
  }

  /** Lets the log go on where it holds a document for a predecessor that nobody has to tell any more. @returns true where it did */
  async passOver(source: OutboxSource, document: Stored): Promise<boolean> {
    const { log, logger } = this.#deps
    const base = await source.baseOf(document, (entry) => this.#isTold(entry))
    let passed = false
    for (const entry of document.outbox ?? []) {
      for (const { channel, seq } of await source.tell(document, entry)) {
        if (seq === undefined || base < 1 || !(await log.passOver(channel, base))) continue
        passed = true
        logger.error({ channel, upTo: base }, 'events that nobody has any more were passed over: their readers are told to fetch')
      }
    }
    return passed
  }

  /** Resolves when what was begun is published or given to the sweeper. */
  async settled(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#publishing)
    await this.#working
  }

  #isTold({ eventId }: OutboxEntry): boolean {
    return this.#epoch !== undefined && this.#told.get(eventId)?.epoch === this.#epoch
  }

  async #publishTogether(source: OutboxSource, documents: readonly Stored[]): Promise<void> {
    const untold = documents.filter(({ outbox }) => outbox?.some((entry) => !this.#isTold(entry)))
    try {
      const events = (await source.tellTogether?.(untold)) ?? []
      await Promise.all(events.map((event) => this.#publishEvent(source, event.entries, event.documents)))
    } catch (error) {
      this.#notYet(source, untold, error)
    }
  }

  /** What tells of all these documents. */
  async #publishEvent(source: OutboxSource, entries: readonly Entry[], documents: readonly Stored[]): Promise<void> {
    const { log, onEpoch } = this.#deps
    try {
      const epochs = new Set((await Promise.all(entries.map((entry) => log.append(entry)))).map(({ epoch }) => epoch))
      for (const epoch of epochs) {
        this.#epoch = epoch
        onEpoch(epoch)
      }
      const [epoch, another] = epochs
      if (epoch === undefined) return
      if (another !== undefined) throw new Error('The log’s epoch changed meanwhile')
      for (const { _id: id, outbox = [] } of documents) {
        for (const entry of outbox) {
          this.#note({ source, id, eventId: entry.eventId, epoch, at: Date.now() })
          this.#logTold(entry)
        }
      }
    } catch (error) {
      this.#notYet(source, documents, error)
    }
  }

  #notYet(source: OutboxSource, documents: readonly Stored[], error: unknown): void {
    this.#deps.logger.warn({ err: error }, 'an event was not published yet')
    this.#tryAgain(
      source,
      documents.map(({ _id }) => _id),
    )
  }

  #publishInBackground(source: OutboxSource, document: Stored, committedAt?: number): Promise<boolean> {
    const publishing = this.publishOne(source, document, { patient: true, committedAt })
      .then((told) => {
        if (!told) this.#tryAgain(source, [document._id])
        return told
      })
      .catch((error: unknown) => {
        this.#deps.logger.warn({ err: error }, 'an event was not published yet')
        this.#tryAgain(source, [document._id])
        return false
      })
    return this.#track(publishing)
  }

  #track<T>(publishing: Promise<T>): Promise<T> {
    this.#publishing.add(publishing)
    return publishing.finally(() => this.#publishing.delete(publishing))
  }

  /** @returns the epoch in which all channels have it; undefined while one of them holds it */
  async #tell(source: OutboxSource, document: Stored, entry: OutboxEntry, options: Patience): Promise<string | undefined> {
    const [firstEntry, ...others] = await source.tell(document, entry)
    if (!firstEntry) return (await this.#deps.log.head()).epoch // nobody is to be told
    const first = await this.#append(source, document, firstEntry, options)
    const answers = await Promise.all(others.map((each) => this.#append(source, document, each, options)))
    return new Set([first, ...answers]).size === 1 ? first : undefined // an epoch that changed between two shards' answers may have cost the first its entry
  }

  async #append(source: OutboxSource, document: Stored, entry: Entry, { patient, committedAt }: Patience): Promise<string | undefined> {
    const { log, onEpoch, latency } = this.#deps
    if (committedAt !== undefined) latency?.expect(entry.channel, entry.frame, committedAt)
    for (const waitMs of patient ? [0, ...heldRetriesMs] : [0]) {
      if (waitMs > 0) await sleep(waitMs)
      let answer = await log.append(entry)
      if (answer.outcome === 'need-base') {
        await this.#setBase(source, document, entry.channel)
        answer = await log.append(entry)
      }
      this.#epoch = answer.epoch
      onEpoch(answer.epoch)
      if (answer.outcome === 'appended') return answer.epoch
    }
    return undefined
  }

  /** Once for all that wait for the same channel. */
  #setBase(source: OutboxSource, document: Stored, channel: Entry['channel']): Promise<void> {
    const setting =
      this.#basing.get(channel) ??
      source
        .baseOf(document)
        .then((base) => this.#deps.log.setBase(channel, base))
        .finally(() => this.#basing.delete(channel))
    this.#basing.set(channel, setting)
    return setting
  }

  /** By the request that it comes of: this may be done for another one, or by another worker. */
  #logTold({ eventId, type, requestId }: OutboxEntry): void {
    this.#deps.logger.debug({ eventId, type, requestId }, 'published')
  }

  #note(told: Told): void {
    if (told.epoch !== this.#toldIn) this.#toldIn = undefined
    if (this.#told.size < mostTold) this.#told.set(told.eventId, told) // past that the sweeper finds it by its age
  }

  #tryAgain(source: OutboxSource, ids: readonly Types.ObjectId[]): void {
    const waiting = this.#untold.get(source) ?? []
    this.#untold.set(source, waiting)
    if (waiting.length + ids.length <= mostUntold) waiting.push(...ids)
  }

  #tick(): void {
    this.#working ??= this.#work()
      .catch((error: unknown) => this.#deps.logger.warn({ err: error }, 'the outbox waits'))
      .finally(() => {
        this.#working = undefined
      })
  }

  /** Forgets what the log has had for long enough; publishes again what it did not take, and what it took in another epoch. */
  async #work(): Promise<void> {
    // A log that was lost meanwhile has nothing to be forgotten for; while it is away nothing is read that could not be told.
    if (this.#told.size > 0 || [...this.#untold.values()].some((ids) => ids.length > 0)) this.#epoch = (await this.#deps.log.head()).epoch
    const ripe = Date.now() - (this.#deps.forgetAfterMs ?? defaultForgetAfterMs)
    const due: Told[] = []
    const sameEpoch = this.#toldIn === this.#epoch
    for (const told of this.#told.values()) {
      if (sameEpoch && told.at > ripe) break // what follows is younger
      if (told.epoch === this.#epoch && told.at > ripe) continue
      this.#told.delete(told.eventId)
      if (told.epoch === this.#epoch) due.push(told)
      else this.#tryAgain(told.source, [told.id])
    }
    this.#toldIn = this.#epoch
    for (const source of new Set(due.map((told) => told.source))) {
      for (const chunk of chunksOf(due.filter((told) => told.source === source))) await forget(source, chunk)
    }
    for (const [source, ids] of this.#untold) for (const chunk of chunksOf(ids.splice(0))) await this.#publishAgain(source, chunk)
  }

  /** Publishes what is still in the outboxes of these documents, by seq. */
  async #publishAgain(source: OutboxSource, ids: Types.ObjectId[]): Promise<void> {
    try {
      const documents = await source
        .collection()
        .find({ _id: { $in: ids }, outbox: { $exists: true } })
        .sort({ seq: 1 })
        .toArray()
      if (source.tellTogether) this.publish(source, documents)
      else for (const document of documents) void this.#publishInBackground(source, document) // committed long ago
    } catch (error) {
      this.#deps.logger.warn({ err: error, documents: ids.length }, 'events were not published again yet')
      this.#tryAgain(source, ids)
    }
  }
}

const chunksOf = <T>(all: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(all.length / mostInOneWrite) }, (_, n) => all.slice(n * mostInOneWrite, (n + 1) * mostInOneWrite))

/**
 * Takes entries out of their outboxes; an empty outbox goes altogether, so that its document leaves the index, in the same write: a worker
 * may be gone after it. `changedAt` moves on:
 * who asks what has changed since finds a document while it has something to tell, and by this time afterwards, whatever clock made it.
 */
const forget = async (source: OutboxSource, told: readonly Told[]): Promise<void> => {
  const ids = told.map(({ id }) => id)
  const eventIds = told.map(({ eventId }) => eventId)
  const left = { $filter: { input: '$outbox', cond: { $not: [{ $in: ['$$this.eventId', eventIds] }] } } }
  await source
    .collection()
    .updateMany({ _id: { $in: ids }, outbox: { $exists: true } }, [
      { $set: { outbox: left, changedAt: '$$NOW' } },
      { $set: { outbox: { $cond: [{ $eq: ['$outbox', []] }, '$$REMOVE', '$outbox'] } } },
    ])
}
