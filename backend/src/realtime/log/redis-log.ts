import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Answer, Channel, ChannelState, Entry, EventLog, Head, LogLimits, LogListener, Outcome, Page } from './log.js'
import { clockMarginMs, type EntryId, isAfter, origin } from './position.js'
import { appendScript, headScript, passOverScript, purgeScript, setBaseScript, tickScript } from './scripts.js'

interface Dependencies {
  readonly commands: Redis
  readonly subscriber: Redis
  readonly generation: () => string
  readonly limits: LogLimits
  /** Why this Redis may not be used: it could lose entries without anyone knowing. */
  readonly refusal?: () => string | undefined
}

type Script = 'append' | 'setBase' | 'passOver' | 'purge' | 'head' | 'tick'
type RunScript = (...parameters: (string | Buffer | number)[]) => Promise<unknown>

const scripts: Record<Script, string> = {
  append: appendScript,
  setBase: setBaseScript,
  passOver: passOverScript,
  purge: purgeScript,
  head: headScript,
  tick: tickScript,
}
const keysOfScripts = 8
const mostHeld = 1000
/** All keys and channels of one shard carry its tag, so that a Redis Cluster keeps them in one slot. */
const shard = '{0}'
const shards = 1

/** The log in Redis: one script call an event, which stores and publishes it in one step. */
export class RedisLog implements EventLog {
  readonly #deps: Dependencies
  readonly #channels = new Map<string, Channel>()
  readonly #run: Record<Script, RunScript>
  #listener: LogListener | undefined

  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#run = Object.fromEntries(
      Object.entries(scripts).map(([name, lua]) => [name, define(deps.commands, `log_${name}`, lua)]),
    ) as Record<Script, RunScript>
    deps.subscriber.on('messageBuffer', (name: Buffer, payload: Buffer) => this.#arrived(name.toString(), payload))
    deps.subscriber.on('close', () => this.#lost())
  }

  async append(entry: Entry): Promise<Answer> {
    const { channel, eventId, seq, messageId, at, frame, control } = entry
    const since = Math.max(0, at.getTime() - clockMarginMs)
    const own = [eventId, seq ?? '', messageId ?? '', since, frame, control ? JSON.stringify(control) : '', mostHeld]
    const [epoch, outcome] = (await this.#call('append', channel, own)) as [string, Outcome]
    return { epoch, outcome }
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
    await this.#deps.commands.publish(this.#name('channel', channel), Buffer.concat([Buffer.from('\n'), frame]))
  }

  async head(): Promise<Head> {
    const [epoch, id, now] = (await this.#call('head', 'control', [])) as [string, EntryId, string]
    return { epoch, id, now: Number(now) }
  }

  async tick(): Promise<void> {
    await this.#call('tick', 'control', [])
  }

  async states(channels: readonly Channel[]): Promise<ChannelState[]> {
    const pipeline = this.#deps.commands.pipeline()
    for (const channel of channels) pipeline.hmget(this.#name('state', channel), 'last', 'floor')
    const answers = await resultsOf(pipeline.exec())
    return answers.map((answer) => {
      const [last, floor] = answer as (string | null)[]
      return { last: last ?? origin, floor: floor ?? origin }
    })
  }

  async read(channel: Channel, after: EntryId, upTo: EntryId, count: number): Promise<Page> {
    if (!isAfter(upTo, after)) return { entries: [], floor: origin }
    const pipeline = this.#deps.commands.pipeline()
    pipeline.xrangeBuffer(this.#name('stream', channel), `(${after}`, upTo, 'COUNT', count)
    pipeline.hget(this.#name('state', channel), 'floor') // after the entries: what was trimmed before they were read is told
    const [entries, floor] = (await resultsOf(pipeline.exec())) as [[Buffer, Buffer[]][], string | null]
    return { entries: entries.map(([id, fields]) => ({ id: id.toString(), frame: fields[5] ?? Buffer.alloc(0) })), floor: floor ?? origin }
  }

  async subscribe(channel: Channel): Promise<void> {
    const name = this.#name('channel', channel)
    this.#channels.set(name, channel)
    await this.#deps.subscriber.subscribe(name)
  }

  unsubscribe(channel: Channel): void {
    const name = this.#name('channel', channel)
    if (!this.#channels.delete(name)) return
    this.#deps.subscriber.unsubscribe(name).catch(() => undefined) // without a connection there is no subscription either
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

  #call(script: Script, channel: Channel, own: (string | Buffer | number)[]): Promise<unknown> {
    const { generation, limits } = this.#deps
    const refusal = this.#deps.refusal?.()
    if (refusal !== undefined) return Promise.reject(new Error(refusal))
    const key = (kind: string, of: Channel) => this.#name(kind, of)
    const keys = [
      this.#prefix('epoch'),
      this.#prefix('clock'),
      key('state', channel),
      key('stream', channel),
      key('held', channel),
      key('purged', channel),
      key('state', 'control'),
      key('stream', 'control'),
    ]
    const fresh = randomBytes(12).toString('base64url')
    const settings = [generation(), shards, fresh, limits.entriesPerChannel, limits.ttlSeconds, 'PUBLISH']
    return this.#run[script](...keys, ...settings, key('channel', channel), key('channel', 'control'), ...own)
  }

  #prefix(kind: string): string {
    return `heliograph:${shard}:${this.#deps.generation()}:${kind}`
  }

  #name(kind: string, channel: Channel): string {
    return `${this.#prefix(kind)}:${channel}`
  }
}

/** ioredis sends EVALSHA, and the script itself where Redis has forgotten it. */
const define = (redis: Redis, name: string, lua: string): RunScript => {
  redis.defineCommand(name, { numberOfKeys: keysOfScripts, lua })
  const command: unknown = Reflect.get(redis, name)
  if (typeof command !== 'function') throw new Error(`${name} was not defined`)
  return (...parameters) => Reflect.apply(command, redis, parameters) as Promise<unknown>
}

const resultsOf = async (executing: Promise<[Error | null, unknown][] | null>): Promise<unknown[]> => {
  const results = (await executing) ?? []
  return results.map(([error, result]) => {
    if (error) throw error
    return result
  })
}
