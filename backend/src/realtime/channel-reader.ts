import type { Channel, EventLog, LoggedFrame } from './log/log.js'
import { type EntryId, idIn, isAfter, type Position } from './log/position.js'

/** Of one channel with one read. */
const mostEntries = 50
/** What a replay's channels hold together between two reads. An entry that is larger than its channel's share is held all the same, alone. */
const mostBytes = 1024 * 1024

/** A channel's log has forgotten what a replay needs. */
export class GapError extends Error {
  constructor(of: string) {
    super(`The log has a gap: ${of}`)
    this.name = 'GapError'
  }
}

/** One channel of a replay, read page by page: at first few entries, more where they turn out to be small. */
export class ChannelReader {
  readonly channel: Channel
  readonly shard: number
  readonly #log: EventLog
  readonly #upTo: EntryId
  readonly #shareBytes: number
  #entries: number
  #after: EntryId
  #page: LoggedFrame[] = []
  #exhausted = false

  /** @param readers how many there are in the replay */
  constructor(log: EventLog, { channel, after, upTo, readers }: { channel: Channel; after: EntryId; upTo: Position; readers: number }) {
    this.#log = log
    this.channel = channel
    this.shard = log.shardOf(channel)
    this.#after = after
    this.#upTo = idIn(upTo, this.shard)
    this.#shareBytes = mostBytes / readers
    this.#entries = Math.max(1, Math.floor(mostEntries / readers))
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
    const { entries, floor } = await this.#log.read(this.channel, this.#after, this.#upTo, this.#entries)
    if (isAfter(floor, this.#after)) throw new GapError(this.channel)
    this.#page = within(this.#shareBytes, entries)
    this.#after = this.#page.at(-1)?.id ?? this.#after
    const fitted = this.#page.length === entries.length
    this.#exhausted = fitted && entries.length < this.#entries
    this.#entries = fitted ? Math.min(2 * this.#entries, mostEntries) : this.#page.length
  }
}

/** As many of the first as fit, one at least. */
const within = (bytes: number, entries: readonly LoggedFrame[]): LoggedFrame[] => {
  let left = bytes
  const tooMuch = entries.findIndex(({ frame }, n) => {
    left -= frame.length
    return n > 0 && left < 0
  })
  return entries.slice(0, tooMuch === -1 ? entries.length : tooMuch)
}
