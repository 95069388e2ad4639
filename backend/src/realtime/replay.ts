import type { Channel, EventLog, LoggedFrame } from './log/log.js'
import { compareIds, type EntryId, isAfter } from './log/position.js'

const pageEntries = 100

/** A channel's log has forgotten what a replay needs. */
class GapError extends Error {
  constructor(channel: Channel) {
    super(`The log of ${channel} has a gap`)
    this.name = 'GapError'
  }
}

/** One channel, read page by page. */
class Reader {
  readonly #log: EventLog
  readonly #channel: Channel
  readonly #upTo: EntryId
  #after: EntryId
  #page: LoggedFrame[] = []
  #exhausted = false
  constructor(log: EventLog, channel: Channel, after: EntryId, upTo: EntryId) {
    this.#log = log
    this.#channel = channel
    this.#after = after
    this.#upTo = upTo
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
    const { entries, floor } = await this.#log.read(this.#channel, this.#after, this.#upTo, pageEntries)
    if (isAfter(floor, this.#after)) throw new GapError(this.#channel)
    this.#page = [...entries]
    this.#after = entries.at(-1)?.id ?? this.#after
    this.#exhausted = entries.length < pageEntries
  }
}

/**
 * What the channels hold after each one's position, up to `upTo`, merged by id. Only channels with something newer are read.
 * @throws GapError, checked again on every page
 */
export async function* replay(log: EventLog, channels: ReadonlyMap<Channel, EntryId>, upTo: EntryId): AsyncGenerator<LoggedFrame> {
  const names = [...channels.keys()]
  const states = await log.states(names)
  const readers: Reader[] = []
  for (const [n, channel] of names.entries()) {
    const after = channels.get(channel)
    if (after !== undefined && isAfter(states[n]?.last ?? after, after)) readers.push(new Reader(log, channel, after, upTo))
  }
  for (;;) {
    await Promise.all(readers.map((reader) => reader.fill()))
    const first = readers.filter(({ next }) => next !== undefined).toSorted((a, b) => compareIds(a.next?.id ?? upTo, b.next?.id ?? upTo))[0]
    if (!first?.next) return
    yield first.next
    first.take()
  }
}
