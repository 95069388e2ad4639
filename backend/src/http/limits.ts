import type { Request, RequestHandler, Response } from 'express'
import { rateLimit, type Store } from 'express-rate-limit'
import type { Cluster, Redis } from 'ioredis'
import type { Keyspace } from '../platform/keyspace.js'
import type { Logger } from '../platform/logger.js'
import { messageOf } from '../platform/message-of.js'
import { AskedWindow, type AskRedis, askRedis } from './asked-window.js'
import { type Counted, isInBody, keyOf } from './limit-keys.js'
import { LimitSharing } from './limit-sharing.js'
import { type LimitKey, type LimitName, limitNames, limitRow } from './limits-table.js'
import { Problem } from './problem.js'
import type { Rate } from './rates.js'
import { SharedWindow } from './shared-window.js'
import { SlidingWindow } from './sliding-window.js'

/** A rate for each key that a row counts by. */
export type LimitRates = Readonly<Record<LimitName, Readonly<Partial<Record<LimitKey, Rate>>>>>

interface Dependencies {
  readonly rates: LimitRates
  /** Absent, all is counted in this worker's memory alone. */
  readonly redis?: { readonly commands: Redis | Cluster; readonly ready: boolean } | undefined
  readonly keyspace: Keyspace
  readonly logger: Logger
  /** Told of each request that a limit refuses. */
  readonly onRefused?: (limit: LimitName) => void
}

interface Limiter {
  readonly by: LimitKey
  readonly limiter: RequestHandler
}

const warnEveryMs = 60_000

/** Counts requests by the rows of the limits table: those that guard secrets in Redis, the others in memory, shared through Redis every second. */
export class Limits {
  readonly #deps: Dependencies
  readonly #limiters = new Map<LimitName, readonly Limiter[]>()
  readonly #ask: AskRedis | undefined
  readonly #sharing: LimitSharing | undefined
  #warnedAt = 0
  constructor(deps: Dependencies) {
    this.#deps = deps
    const { redis, keyspace } = deps
    if (redis) {
      this.#ask = askRedis(redis.commands)
      const onTrouble = (error: unknown) => this.#warn(error)
      this.#sharing = new LimitSharing({ redis: redis.commands, ready: () => redis.ready, keyspace, onTrouble })
    }
    for (const name of limitNames) this.#limiters.set(name, this.#limitersOf(name))
  }

  start(): void {
    this.#sharing?.start()
  }

  async stop(): Promise<void> {
    await this.#sharing?.stop()
  }

  /** Counts what can be told before the body is read: by IP, user or session. @throws Problem rate_limited */
  async count(name: LimitName, request: Request, response: Response, caller: Counted['caller']): Promise<void> {
    for (const { by, limiter } of this.#limiters.get(name) ?? []) if (!isInBody(by)) await count(limiter, by, { request, caller }, response)
  }

  /** Counts by what the body names, as its schema made it. @throws Problem rate_limited */
  async countBody(name: LimitName, request: Request, response: Response, caller: Counted['caller'], body: unknown): Promise<void> {
    for (const { by, limiter } of this.#limiters.get(name) ?? [])
      if (isInBody(by)) await count(limiter, by, { request, caller, body }, response)
  }

  #limitersOf(name: LimitName): Limiter[] {
    return limitRow(name).by.flatMap((by) => {
      const rate = this.#deps.rates[name][by]
      return rate
        ? [{ by, limiter: limiterOf(`${name}-${by}`, rate, this.#storeOf(name, by, rate), () => this.#deps.onRefused?.(name)) }]
        : []
    })
  }

  #storeOf(name: LimitName, by: LimitKey, rate: Rate): Store {
    const size = { points: rate.points, windowMs: rate.windowSeconds * 1000 }
    if (!this.#ask) return new SlidingWindow(size)
    const limit = `${name}-${by}`
    if (limitRow(name).guards) {
      const nameOf = (key: string) => this.#deps.keyspace.limit(limit, key)
      return new AskedWindow({ ...size, ask: this.#ask, nameOf, onTrouble: (error) => this.#warn(error) })
    }
    const window = new SharedWindow(size)
    this.#sharing?.add(limit, window)
    return window
  }

  #warn(error: unknown): void {
    const now = Date.now()
    if (now - this.#warnedAt < warnEveryMs) return
    this.#warnedAt = now
    this.#deps.logger.warn({ reason: messageOf(error) }, 'limits are counted by this worker alone')
  }
}

const limiterOf = (identifier: string, rate: Rate, store: Store, onRefused: () => void): RequestHandler =>
  rateLimit({
    windowMs: rate.windowSeconds * 1000,
    limit: rate.points,
    standardHeaders: 'draft-8',
    legacyHeaders: true,
    identifier,
    store,
    keyGenerator: (_request, response) => String(response.locals.limitKey),
    handler: (_request, response, next) => {
      onRefused()
      next(new Problem('rate_limited', undefined, { retryAfterSeconds: retryAfter(response) }))
    },
    validate: false,
  })

const retryAfter = (response: Response): number => Math.max(1, Number(response.getHeader('Retry-After')) || 1)

const count = async (limiter: RequestHandler, by: LimitKey, counted: Counted, response: Response): Promise<void> => {
  const key = keyOf(by, counted)
  if (key === undefined) return
  response.locals.limitKey = key
  await run(limiter, counted.request, response)
}

/** Runs an Express middleware as a promise. @throws what it hands to `next` */
export const run = (middleware: RequestHandler, request: Request, response: Response): Promise<void> =>
  new Promise((resolve, reject) => {
    void middleware(request, response, (error?: unknown) => (error ? reject(error) : resolve()))
  })
