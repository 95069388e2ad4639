import { Redis, type RedisOptions } from 'ioredis'
import { withDeadline } from './deadline.js'
import type { Logger } from './logger.js'

const commandDeadlineMs = 2000
const connectDeadlineMs = 5000
const reconnectMs = { first: 100, most: 2000 }

/**
 * The two connections to Redis: one for commands, one that only subscribes.
 * Nothing is queued while a connection is away and nothing unanswered is sent again: who asked is told at once, and the database knows the truth.
 */
export class RedisClients {
  readonly commands: Redis
  readonly subscriber: Redis
  constructor(options: { url: string; password: string | undefined }, logger: Logger) {
    const shared: RedisOptions = {
      ...(options.password === undefined ? {} : { password: options.password }),
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      connectTimeout: connectDeadlineMs,
      retryStrategy: (attempt) => Math.min(reconnectMs.first * 2 ** Math.min(attempt, 6), reconnectMs.most) * (0.5 + Math.random() / 2),
    }
    this.commands = new Redis(options.url, { ...shared, commandTimeout: commandDeadlineMs })
    // A subscriber whose connection is lost has missed something: the hub decides, so ioredis must not subscribe again by itself.
    this.subscriber = new Redis(options.url, { ...shared, autoResubscribe: false })
    for (const [name, client] of Object.entries({ commands: this.commands, subscriber: this.subscriber })) {
      client.on('error', (error: Error) => logger.warn({ err: error, connection: name }, 'Redis: connection error'))
      client.on('ready', () => logger.info({ connection: name }, 'Redis: ready'))
    }
  }

  /** Connects in the background; ioredis goes on trying. */
  start(): void {
    for (const client of [this.commands, this.subscriber]) client.connect().catch(() => undefined) // logged by 'error'
  }

  get ready(): boolean {
    return this.commands.status === 'ready' && this.subscriber.status === 'ready'
  }

  /** @returns how long a PING took, in milliseconds. @throws where there is no connection or no answer in time */
  async ping(): Promise<number> {
    const before = performance.now()
    await withDeadline(this.commands.ping(), commandDeadlineMs, 'Redis ping')
    return performance.now() - before
  }

  close(): void {
    this.commands.disconnect()
    this.subscriber.disconnect()
  }
}
