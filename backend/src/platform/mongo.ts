import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import mongoose, { type Connection, type mongo } from 'mongoose'
import { withDeadline } from './deadline.js'
import { type Generation, readGeneration } from './generation.js'
import type { Logger } from './logger.js'
import { logSlowCommands } from './slow-commands.js'

interface MongoOptions {
  readonly uri: string
  readonly poolSize: number
  readonly selectionTimeoutMs: number
  readonly socketTimeoutMs: number
}

const defaultDatabase = 'heliograph'
const backoffMs = { first: 250, most: 5000 }
const pingDeadlineMs = 2000
const closeDeadlineMs = 2000
const slowMs = 100

/** The database that the URI names; ours where it names none. */
export const databaseOf = (uri: string): string => /^mongodb(?:\+srv)?:\/\/[^/]+\/([^?]+)/.exec(uri)?.[1] ?? defaultDatabase

/**
 * The connection to MongoDB: made in the background, again and again until it stands, and made anew when the driver has lost it.
 * Every write is acknowledged by a majority and its journal. Nothing is buffered: without a connection an operation fails at once.
 * After each interruption the database's generation is read before anything is served: `replaced` says that it is another one
 * (a restore), so that nothing this process remembers holds any more.
 */
export class Mongo extends EventEmitter<{ ready: []; replaced: [] }> {
  readonly connection: Connection
  readonly #options: MongoOptions
  readonly #logger: Logger
  readonly #closing = new AbortController()
  readonly #onClient: (client: mongo.MongoClient) => void
  #prepare: () => Promise<void> = () => Promise.resolve()
  #generation: Generation | undefined
  #opened = false
  #ready = false

  /** @param onClient told of each client that is opened: another one when the one before has lost its server */
  constructor(options: MongoOptions, logger: Logger, onClient: (client: mongo.MongoClient) => void = () => undefined) {
    super()
    this.#onClient = onClient
    this.#options = options
    this.#logger = logger
    this.connection = mongoose.createConnection()
    this.connection.on('error', (error) => logger.warn({ err: error }, 'MongoDB: connection error'))
    this.connection.on('disconnected', () => {
      if (!this.#ready) return
      this.#ready = false
      logger.warn('MongoDB: connection lost')
      setImmediate(() => void this.#connect()) // the driver is still taking note of the loss
    })
  }

  /** True when operations can be served: connected, and the database prepared. */
  get ready(): boolean {
    return this.#ready
  }

  /** True once operations could be served for the first time. */
  get reached(): boolean {
    return this.#generation !== undefined
  }

  /** The database's generation. @throws where the database was never reached */
  get generation(): Generation {
    if (!this.#generation) throw new Error('MongoDB has not been reached yet')
    return this.#generation
  }

  /** Connects in the background. `prepare` runs once connected and before `ready`: it makes or checks the indexes. */
  start(prepare: () => Promise<void>): void {
    this.#prepare = prepare
    void this.#connect()
  }

  /** Resolves once `ready` was reached. @throws AbortError when the signal fires first */
  async whenReady(signal: AbortSignal): Promise<void> {
    if (!this.ready) await once(this, 'ready', { signal })
  }

  /** @returns how long a ping took, in milliseconds. @throws where there is no connection or no answer in 2 s */
  async ping(): Promise<number> {
    const before = performance.now()
    if (!this.#ready) throw new Error('MongoDB is not connected')
    await this.#answered()
    return performance.now() - before
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#ready = false
    await this.connection.close(true)
  }

  async #connect(): Promise<void> {
    for (let waitMs = backoffMs.first; !this.#closing.signal.aborted; waitMs = Math.min(waitMs * 2, backoffMs.most)) {
      try {
        await this.#reach()
        return
      } catch (error) {
        if (this.#closing.signal.aborted) return
        this.#logger.error({ err: error, retryInMs: waitMs }, 'MongoDB: not reached')
        await sleep(waitMs, undefined, { signal: this.#closing.signal }).catch(() => undefined)
      }
    }
  }

  async #reach(): Promise<void> {
    if (this.#opened) await this.#answered().catch((error: unknown) => this.#giveUpClient(error))
    else await this.#open()
    const generation = await readGeneration(this.connection)
    const replaced = this.#generation !== undefined && this.#generation !== generation
    if (!replaced) await this.#prepare()
    this.#generation = generation
    this.#ready = !replaced
    this.#logger.info({ database: this.connection.name, replaced }, 'MongoDB: reached')
    this.emit(replaced ? 'replaced' : 'ready')
  }

  /** A client that has lost its server may not find it again: the next attempt makes another one. @throws the reason */
  async #giveUpClient(reason: unknown): Promise<never> {
    this.#opened = false
    await withDeadline(this.connection.close(), closeDeadlineMs, 'closing the MongoDB client').catch(() => undefined)
    throw reason
  }

  async #answered(): Promise<void> {
    await withDeadline(this.connection.getClient().db().command({ ping: 1 }), pingDeadlineMs, 'MongoDB ping')
  }

  async #open(): Promise<void> {
    await this.connection.openUri(this.#options.uri, {
      dbName: databaseOf(this.#options.uri),
      appName: 'heliograph',
      maxPoolSize: this.#options.poolSize,
      serverSelectionTimeoutMS: this.#options.selectionTimeoutMs,
      socketTimeoutMS: this.#options.socketTimeoutMs,
      waitQueueTimeoutMS: this.#options.selectionTimeoutMs,
      writeConcern: { w: 'majority', journal: true },
      bufferCommands: false,
      autoIndex: false,
      autoCreate: false,
      monitorCommands: true,
    })
    this.#opened = true
    logSlowCommands(this.connection.getClient(), this.#logger, slowMs)
    this.#onClient(this.connection.getClient())
  }
}

const unavailable = new Set([
  'MongoServerSelectionError',
  'MongoWaitQueueTimeoutError',
  'MongoNetworkError',
  'MongoNetworkTimeoutError',
  'MongoNotConnectedError',
  'MongoPoolClearedError',
  'MongoPoolClosedError',
  'MongoTopologyClosedError',
  'MongoClientClosedError',
  'MongoWriteConcernError',
  'PoolClearedOnNetworkError',
  'DeadlineError',
])
// InterruptedAtShutdown, ShutdownInProgress, NotWritablePrimary, PrimarySteppedDown, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary,
// MaxTimeMSExpired, WriteConcernTimeout, ExceededTimeLimit, HostUnreachable, NetworkTimeout, InterruptedDueToReplStateChange
// and, where a socket was closed since it was last looked at, EPIPE
const unavailableCodes = new Set<unknown>(['EPIPE', 11600, 91, 10107, 189, 13435, 13436, 50, 64, 262, 6, 89, 11602])

/** A bulk write in which nothing was refused failed as a whole: the connection or the majority was lost. */
const isLostBulk = (error: Error): boolean =>
  error.name === 'MongoBulkWriteError' && 'writeErrors' in error && [error.writeErrors].flat().length === 0

/** True for errors that say the database is away or cannot promise the write, not that the request was wrong. */
export const isUnavailable = (error: unknown): boolean =>
  error instanceof Error &&
  (unavailable.has(error.name) ||
    isLostBulk(error) ||
    ('code' in error && unavailableCodes.has(error.code)) ||
    (error.name === 'MongooseError' && error.message.includes('initial connection')))
