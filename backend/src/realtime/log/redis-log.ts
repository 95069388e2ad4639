import { createHash, randomBytes } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'
import { LRUCache } from 'lru-cache'
import { defineScript, type RunScript } from '../../platform/redis-scripts.js'
import type { Subscriber } from '../../platform/redis-subscriber.js'
import { tagOf } from '../../platform/shards.js'
import type { Answer, Channel, ChannelState, Entry, EventLog, Head, LogLimits, LogListener, Outcome, Page, Standing } from './log.js'
import { type EntryId, isAfter, origin } from './position.js'
import { appendScript, headScript, passOverScript, purgeScript, setBaseScript, tickScript } from './scripts.js'
import { controlChannel, shardOfChannel } from './shards.js'

interface Dependencies {
  readonly commands: Redis | Cluster
  readonly subscriber: Subscriber
  readonly generation: () => string
  readonly limits: LogLimits
  /** Over how many the channels are spread. */
  readonly shards: number
  /** Why this Redis may not be used: it could lose entries without anyone knowing. */
  readonly refusal?: () => string | undefined
}

type Script = 'append' | 'setBase' | 'passOver' | 'purge' | 'head' | 'tick'

const scripts: Record<Script, string> = {
  append: appendScript,
  setBase: setBaseScript,
  passOver: passOverScript,
  purge: purgeScript,
  head: headScript,
  tick: tickScript,
}
const keysOfScripts = 9
const mostHeld = 1000
/** Channels whose names are kept made. */
const mostNames = 10_000

/** What a script is called with for a channel, of one generation. */
interface Names {
  readonly generation: string
  readonly keys: readonly string[]
  readonly channel: string
  readonly control: string
}
/** So many channels are asked for at once: no command waits for long behind them. */
const mostAtOnce = 500

/**
 * The log in Redis: one script call an event, which stores and publishes it in one step.
 * All keys and channels of one shard carry its tag, so that a Redis Cluster keeps them in one slot; one call touches one shard.
 */
export class RedisLog implements EventLog {
  readonly shards: number
  readonly ttlSeconds: number
  readonly #deps: Dependencies
  readonly #channels = new Map<string, Channel>()
  readonly #names = new LRUCache<Channel, Names>({ max: mostNames })
  readonly #run: Record<Script, RunScript>
  /** Of each shard, as it last answered. */
  readonly #epochs: (string | undefined)[]
  /** With the number of the call, an id that nobody had before: what a script needs that finds the log empty. */
  readonly #random = randomBytes(12).toString('base64url')
  #calls = 0
  #listener: LogListener | undefined

  constructor(deps: Dependencies) {
    this.#deps = deps
    this.shards = deps.shards
    this.ttlSeconds = deps.limits.ttlSeconds
    this.#epochs = Array.from({ length: deps.shards }, () => undefined)
    this.#run = Object.fromEntries(
      Object.entries(scripts).map(([name, lua]) => [name, defineScript(deps.commands, `log_${name}`, keysOfScripts, lua)]),
    ) as Record<Script, RunScript>
    deps.subscriber.listen({
      message: (name, payload) => this.#arrived(name, payload),
      lost: () => this.#lost(),
      ready: () => this.#listener?.restored(),
    })
  }

  shardOf(channel: Channel): number {
    return shardOfChannel(channel, this.shards)
  }

  async append(entry: Entry): Promise<Answer> {
    const { channel, eventId, seq, messageId, frame, control } = entry
    const text = frame.toString() // ioredis makes a command without a Buffer in a third of the time
    const own = [eventId, seq ?? '', messageId ?? '', text, control ? JSON.stringify(control) : '', mostHeld]
    const [epoch, outcome] = (await this.#call('append', channel, own)) as [string, Outcome]
    this.#epochs[this.shardOf(channel)] = epoch
    return { epoch: await this.#epoch(), outcome }
  }

  async setBase(channel: Channel, base: number): Promise<void> {
    await this.#call('setBase', channel, [base])
  }

  async passOver(channel: Channel, seq: number): Promise<boolean> {
    return (await this.#call('passOver', channel, [seq, JSON.stringify({ gap: channel })])) === 1
  }

  async purge(channel: Channel, messageId: string): Promise<void> {
    await this.#call('purge', channel, [messageId])
  }

  async tell(channel: Channel, frame: Buffer): Promise<void> {
    const { commands, subscriber } = this.#deps
    const [name, payload] = [this.#name('channel', channel), Buffer.concat([Buffer.from('\n'), frame])]
    await (subscriber.publishes === 'PUBLISH' ? commands.publish(name, payload) : commands.spublish(name, payload))
  }

  async head(): Promise<Head> {
    const answers = await Promise.all(
      this.#controls.map(async (control) => {
        const [epoch, id, now] = (await this.#call('head', control, [])) as [string, EntryId, string]
        this.#epochs[this.shardOf(control)] = epoch
        return { epoch, id, now: Number(now) }
      }),
    )
    return {
      epoch: combined(answers.map(({ epoch }) => epoch)),
      position: answers.map(({ id }) => id),
      now: Math.max(...answers.map(({ now }) => now)),
    }
  }

  async standing(channel: Channel): Promise<Standing> {
    const [, id, , seq] = (await this.#call('head', channel, [])) as [string, EntryId, string, string | null]
    return { seq: seq === null ? undefined : Number(seq), id }
  }

  async tick(): Promise<void> {
    await Promise.all(this.#controls.map((control) => this.#call('tick', control, [])))
  }

  async states(channels: readonly Channel[]): Promise<ChannelState[]> {
    const states = new Map<Channel, ChannelState>()
    for (const some of this.#inOneShard(channels)) {
      const pipeline = this.#deps.commands.pipeline()
      for (const channel of some) pipeline.hmget(this.#name('state', channel), 'last', 'floor')
      for (const [n, answer] of (await resultsOf(pipeline.exec())).entries()) {
        const [last, floor] = answer as (string | null)[]
        const channel = some[n]
        if (channel !== undefined) states.set(channel, { last: last ?? origin, floor: floor ?? origin })
      }
    }
    return channels.map((channel) => states.get(channel) ?? { last: origin, floor: origin })
  }

  async read(channel: Channel, after: EntryId, upTo: EntryId, count: number): Promise<Page> {
    if (!isAfter(upTo, after)) return { entries: [], floor: origin }
    const pipeline = this.#deps.commands.pipeline()
    pipeline.xrangeBuffer(this.#name('stream', channel), `(${after}`, upTo, 'COUNT', count)
    pipeline.hget(this.#name('state', channel), 'floor') // after the entries: what was trimmed before they were read is told
    const [entries, floor] = (await resultsOf(pipeline.exec())) as [[Buffer, Buffer[]][], string | null]
    return { entries: entries.map(([id, fields]) => ({ id: id.toString(), frame: fields[5] ?? Buffer.alloc(0) })), floor: floor ?? origin }
  }

  async subscribe(channels: readonly Channel[]): Promise<void> {
    for (const some of this.#inOneShard(channels)) await this.#subscribe(some)
  }

  unsubscribe(channel: Channel): void {
    const name = this.#name('channel', channel)
    if (!this.#channels.delete(name)) return
    this.#deps.subscriber.unsubscribe(tagOf(this.shardOf(channel)), name)
  }

  listen(listener: LogListener): void {
    this.#listener = listener
  }

  #arrived(name: string, payload: Buffer): void {
    const channel = this.#channels.get(name)
    if (!channel) return
    const end = payload.indexOf(10)
    this.#listener?.frame(channel, end === 0 ? undefined : payload.toString('latin1', 0, end), payload.subarray(end + 1))
  }

  #lost(): void {
    if (this.#channels.size === 0) return
    this.#channels.clear()
    this.#listener?.gap()
  }

  async #subscribe(channels: readonly Channel[]): Promise<void> {
    const names = channels.map((channel) => this.#name('channel', channel))
    for (const [n, channel] of channels.entries()) this.#channels.set(names[n] ?? '', channel)
    await this.#deps.subscriber.subscribe(tagOf(this.shardOf(channels[0] ?? controlChannel(0))), names)
  }

  get #controls(): Channel[] {
    return Array.from({ length: this.shards }, (_, shard) => controlChannel(shard))
  }

  /** Bundles of at most 500, each of one shard. */
  #inOneShard(channels: readonly Channel[]): Channel[][] {
    const ofShards = new Map<number, Channel[]>()
    for (const channel of channels) {
      const shard = this.shardOf(channel)
      const own = ofShards.get(shard)
      if (own) own.push(channel)
      else ofShards.set(shard, [channel])
    }
    return [...ofShards.values()].flatMap((own) =>
      Array.from({ length: Math.ceil(own.length / mostAtOnce) }, (_, n) => own.slice(n * mostAtOnce, (n + 1) * mostAtOnce)),
    )
  }

  /** That of all shards as they last answered; a shard that has not answered yet is asked. */
  async #epoch(): Promise<string> {
    const known = this.#epochs.filter((epoch) => epoch !== undefined)
    return known.length === this.shards ? combined(known) : (await this.head()).epoch
  }

  #call(script: Script, channel: Channel, own: (string | Buffer | number)[]): Promise<unknown> {
    const { generation, limits, subscriber } = this.#deps
    const refusal = this.#deps.refusal?.()
    if (refusal !== undefined) return Promise.reject(new Error(refusal))
    const names = this.#namesOf(channel, generation())
    this.#calls += 1
    const fresh = `${this.#random}${this.#calls}`
    const settings = [names.generation, this.shards, fresh, limits.entriesPerChannel, limits.ttlSeconds, subscriber.publishes]
    return this.#run[script](...names.keys, ...settings, names.channel, names.control, ...own)
  }

  #namesOf(channel: Channel, generation: string): Names {
    const known = this.#names.get(channel)
    if (known?.generation === generation) return known
    const shard = this.shardOf(channel)
    const control = controlChannel(shard)
    const keys = [
      this.#prefix(shard, 'epoch'),
      this.#prefix(shard, 'clock'),
      this.#name('state', channel),
      this.#name('stream', channel),
      this.#name('held', channel),
      this.#name('purged', channel),
      this.#name('state', control),
      this.#name('stream', control),
      this.#name('told', channel),
    ]
    const names = { generation, keys, channel: this.#name('channel', channel), control: this.#name('channel', control) }
    this.#names.set(channel, names)
    return names
  }

  #prefix(shard: number, kind: string): string {
    return `heliograph:${tagOf(shard)}:${this.#deps.generation()}:${kind}`
  }

  #name(kind: string, channel: Channel): string {
    return `${this.#prefix(this.shardOf(channel), kind)}:${channel}`
  }
}

/** One shard's as it is; of more, a digest of all: any one's change changes it. */
const combined = (epochs: readonly string[]): string => {
  const [only = ''] = epochs
  return epochs.length === 1 ? only : createHash('sha1').update(epochs.join(' ')).digest('hex').slice(0, 16)
}

const resultsOf = async (executing: Promise<[Error | null, unknown][] | null>): Promise<unknown[]> => {
  const results = (await executing) ?? []
  return results.map(([error, result]) => {
    if (error) throw error
    return result
  })
}
