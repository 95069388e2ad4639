import type { Keyspace } from '../platform/keyspace.js'
import type { Logger } from '../platform/logger.js'
import type { RedisClients } from '../platform/redis.js'
import type { BusListener, Channel, ControlMessage, EventBus, Publication } from './bus.js'

interface Dependencies {
  readonly redis: RedisClients
  readonly keyspace: Keyspace
  readonly logger: Logger
}

/** The bus between workers: Redis pub/sub. The bytes that arrive are handed on as they are. */
export class RedisBus implements EventBus {
  readonly #deps: Dependencies
  readonly #names = new Map<string, Channel | 'control'>()
  #control: Promise<void> | undefined
  #listener: BusListener | undefined

  constructor(deps: Dependencies) {
    this.#deps = deps
    const { subscriber } = deps.redis
    subscriber.on('messageBuffer', (name: Buffer, payload: Buffer) => this.#arrived(name.toString('latin1'), payload))
    subscriber.on('close', () => this.#lost())
  }

  async publish(publications: readonly Publication[]): Promise<void> {
    const pipeline = this.#deps.redis.commands.pipeline()
    for (const publication of publications) {
      if ('control' in publication) pipeline.publish(this.#name('control'), JSON.stringify(publication.control))
      else pipeline.publish(this.#name(publication.channel), publication.frame)
    }
    const results = (await pipeline.exec()) ?? []
    const failed = results.find(([error]) => error !== null)
    if (failed?.[0]) throw failed[0]
  }

  async subscribe(channel: Channel): Promise<void> {
    this.#control ??= this.#subscribe('control').catch((error: unknown) => {
      this.#control = undefined
      throw error
    })
    await Promise.all([this.#control, this.#subscribe(channel)])
  }

  unsubscribe(channel: Channel): void {
    const name = this.#name(channel)
    if (!this.#names.delete(name)) return
    this.#deps.redis.subscriber.unsubscribe(name).catch(() => undefined) // without a connection there is no subscription either
  }

  listen(listener: BusListener): void {
    this.#listener = listener
  }

  async #subscribe(channel: Channel | 'control'): Promise<void> {
    const name = this.#name(channel)
    this.#names.set(name, channel)
    await this.#deps.redis.subscriber.subscribe(name)
  }

  #arrived(name: string, payload: Buffer): void {
    const channel = this.#names.get(name)
    if (channel === 'control') this.#listener?.control(JSON.parse(payload.toString()) as ControlMessage)
    else if (channel) this.#listener?.frame(channel, payload)
  }

  #lost(): void {
    if (this.#names.size === 0) return
    this.#deps.logger.warn({ channels: this.#names.size }, 'Redis: subscriptions lost')
    this.#names.clear()
    this.#control = undefined
    this.#listener?.gap()
  }

  #name(channel: Channel | 'control'): string {
    return this.#deps.keyspace.channel(channel)
  }
}
