import { Redis } from 'ioredis'
import type { Logger } from './logger.js'
import type { RedisSettings } from './redis-address.js'
import { checkRedis } from './redis-check.js'
import type { RedisConnections } from './redis-connections.js'
import { isSilent, reasonOf } from './redis-health.js'
import { redisOptions } from './redis-options.js'
import { RedisSubscriber } from './redis-subscriber.js'

const beatMs = 5000

/** A replica's answer to a write: since a failover the master is another one. */
const isReadOnly = (error: Error): boolean => /\bREADONLY\b/.test(error.message)

/**
 * The two connections to Redis: one for commands, one that only subscribes.
 * Nothing is queued while a connection is away and nothing unanswered is sent again: who asked is told at once, and the database knows the truth.
 * A connection whose server hangs is given up, so that Sentinel is asked for the master anew.
 */
export class RedisClients implements RedisConnections {
  readonly commands: Redis
  readonly subscriber: Redis
  readonly channels: RedisSubscriber
  readonly #logger: Logger
  #beat: NodeJS.Timeout | undefined
  #accepted = false
  #refusal: string | undefined
  #warning: string | undefined

  constructor(settings: RedisSettings, logger: Logger) {
    const options = redisOptions(settings)
    this.#logger = logger
    this.commands = new Redis({ ...options, reconnectOnError: isReadOnly })
    // A subscriber whose connection is lost has missed something: the hub decides, so ioredis must not subscribe again by itself.
    this.subscriber = new Redis({ ...options, autoResubscribe: false })
    this.channels = new RedisSubscriber(this.subscriber)
    for (const [connection, client] of this.#connections) {
      client.on('error', (error: Error) => logger.warn({ ...reasonOf(error), connection }, 'Redis: connection error'))
      client.on('ready', () => logger.info({ connection }, 'Redis: ready'))
    }
    this.commands.on('ready', () => void this.#judge())
    this.commands.on('close', () => {
      this.#accepted = false
      this.#refusal = undefined
    })
  }

  /** Connects in the background; ioredis goes on trying. */
  start(): void {
    for (const [, client] of this.#connections) client.connect().catch(() => undefined) // logged by 'error'
    this.#beat = setInterval(() => void this.#look(), beatMs)
    this.#beat.unref()
  }

  /** True when both connections stand and the server is one that may be used. */
  get ready(): boolean {
    return this.#accepted && this.commands.status === 'ready' && this.subscriber.status === 'ready'
  }

  /** Why the connected server may not be used, and what to set; undefined where it may, or is not known. */
  get refusal(): string | undefined {
    return this.#refusal
  }

  /** @returns how long a PING took, in milliseconds. @throws where there is no connection, no answer in time, or the server is refused */
  async ping(): Promise<number> {
    const before = performance.now()
    if (this.#refusal !== undefined) throw new Error(this.#refusal)
    await this.commands.ping()
    return performance.now() - before
  }

  close(): void {
    clearInterval(this.#beat)
    this.commands.disconnect()
    this.subscriber.disconnect()
  }

  get #connections(): readonly (readonly [string, Redis])[] {
    return [
      ['commands', this.commands],
      ['subscriber', this.subscriber],
    ]
  }

  async #judge(): Promise<void> {
    try {
      const { refusal, warning } = await checkRedis(this.commands)
      if (this.commands.status !== 'ready') return
      if (warning !== undefined && warning !== this.#warning) this.#logger.warn(warning)
      if (refusal !== undefined && refusal !== this.#refusal) this.#logger.fatal(`Redis: refused: ${refusal}`)
      this.#warning = warning
      this.#refusal = refusal
      this.#accepted = refusal === undefined
    } catch (error) {
      this.#logger.warn(reasonOf(error), 'Redis: not checked') // the next beat asks again
    }
  }

  async #look(): Promise<void> {
    await Promise.all(
      this.#connections.map(async ([connection, client]) => {
        if (client.status !== 'ready' || !(await isSilent(client)) || client.status !== 'ready') return
        this.#logger.warn({ connection }, 'Redis: no answer, connecting again')
        client.disconnect(true)
      }),
    )
    if (this.commands.status === 'ready' && !this.#accepted) await this.#judge()
  }
}
