import { GapError } from './channel-reader.js'
import type { Channel, EventLog, Head } from './log/log.js'
import { beginning, type EntryId, idIn, isAfter, latest, type Position, raised } from './log/position.js'
import { controlChannel } from './log/shards.js'
import { readersOf, replay } from './replay.js'
import { isTooOld } from './resume.js'

interface Dependencies {
  readonly log: EventLog
  /** Acts on one message, by its id. */
  readonly heed: (message: Buffer, id: EntryId) => void
  readonly onHead: (head: Head) => void
  /** Something that streams depend on was missed for good. */
  readonly onGap: () => void
}

/** More than these while the gap before them is read, and they are missed. */
const mostEarly = 10_000

/**
 * What all hubs are told, in the order of each shard, with nothing missed: after a lost connection what was told meanwhile is read from the log
 * before anything newer is heeded. Knows how far everything has gone by.
 */
export class ControlFeed {
  readonly #deps: Dependencies
  readonly #channels: readonly Channel[]
  /** What arrived since the subscription, while the gap before it is read; undefined once there is no gap. */
  #early: { shard: number; id: EntryId; message: Buffer }[] | undefined = []
  #position: Position
  #listening: Promise<void> | undefined
  #losses = 0

  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#channels = Array.from({ length: deps.log.shards }, (_, shard) => controlChannel(shard))
    this.#position = beginning(deps.log.shards)
  }

  /** Everything up to here has gone by: of each shard the newest entry that was heard of. */
  get position(): Position {
    return this.#position
  }

  /** Another value whenever a connection was lost; undefined while one is not listened to, or a gap not closed. */
  get hearing(): number | undefined {
    return this.#early ? undefined : this.#losses
  }

  /** @param catchUp whether anybody depends on what was told since the position. @throws where Redis is away */
  async listen(catchUp: boolean): Promise<void> {
    const listening = (this.#listening ??= this.#listen(catchUp))
    try {
      await listening
    } catch (error) {
      if (this.#listening === listening) this.#listening = undefined
      throw error
    }
  }

  /**
   * Resolves when everything that was told before is heeded: an answer on the same connection comes after it.
   * @param catchUp see `listen`. @throws where Redis is away
   */
  async heard(catchUp = true): Promise<void> {
    await this.listen(catchUp)
    const losses = this.#losses
    await this.#deps.log.subscribe(this.#channels)
    this.#check(losses)
  }

  lost(): void {
    this.#listening = undefined
    this.#early = []
    this.#losses += 1
  }

  /** The log is another one. */
  startOver(): void {
    this.#position = beginning(this.#deps.log.shards)
  }

  arrived(shard: number, id: EntryId, message: Buffer): void {
    if (!this.#early) {
      if (message.length > 0) this.#deps.heed(message, id)
      this.#raise(shard, id)
    } else if (this.#early.length < mostEarly) this.#early.push({ shard, id, message })
    else this.#deps.onGap()
  }

  /** An entry of any channel has gone by. While there is a gap it says nothing of what was told to the hubs before it. */
  passed(shard: number, id: EntryId): void {
    if (!this.#early) this.#raise(shard, id)
  }

  async #listen(catchUp: boolean): Promise<void> {
    const { log, onHead } = this.#deps
    const losses = this.#losses
    await log.subscribe(this.#channels)
    const head = await log.head()
    onHead(head)
    if (catchUp) await this.#read(head, losses)
    this.#check(losses)
    this.#position = latest(this.#position, head.position)
    const early = this.#early ?? []
    this.#early = undefined
    for (const { shard, id, message } of early) if (isAfter(id, idIn(head.position, shard))) this.arrived(shard, id, message)
  }

  #raise(shard: number, id: EntryId): void {
    this.#position = raised(this.#position, shard, id)
  }

  /** @throws where the connection was lost again: another one reads on from here */
  #check(losses: number): void {
    if (losses !== this.#losses) throw new Error('The connection was lost again')
  }

  async #read(head: Head, losses: number): Promise<void> {
    const { log, heed, onGap } = this.#deps
    try {
      if (isTooOld(this.#position, head, log.ttlSeconds)) throw new GapError('control, older than the log')
      const from = new Map(this.#channels.map((channel, shard) => [channel, idIn(this.#position, shard)]))
      for await (const { shard, id, frame } of replay(await readersOf(log, from, head.position))) {
        this.#check(losses)
        heed(frame, id)
        this.#raise(shard, id)
      }
    } catch (error) {
      if (!(error instanceof GapError)) throw error
      onGap()
    }
  }
}
