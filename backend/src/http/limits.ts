import type { Request, RequestHandler, Response } from 'express'
import { ipKeyGenerator, rateLimit } from 'express-rate-limit'
import type { Caller } from './endpoint.js'
import { defaultLimits, type LimitKey, type LimitName, limitNames, type Rate } from './limits-table.js'
import { Problem } from './problem.js'
import { SlidingWindow } from './sliding-window.js'

type KeyOf = (request: Request, caller: Caller | undefined) => string

const phoneIn = (body: unknown): string =>
  typeof body === 'object' && body !== null && 'phone' in body ? String(body.phone).slice(0, 32) : ''

const keys: Record<LimitKey, KeyOf> = {
  ip: (request) => ipKeyGenerator(request.ip ?? ''),
  user: (_request, caller) => caller?.userId ?? '',
  session: (_request, caller) => caller?.sessionId ?? '',
  account: (request) => phoneIn(request.body),
}

interface Limiter {
  readonly by: LimitKey
  readonly limiter: RequestHandler
}

/** Counts requests by the rows of the limits table. Counters live in this worker's memory. */
export class Limits {
  readonly #limiters: Record<LimitName, readonly Limiter[]>
  constructor(rates: Readonly<Record<LimitName, Rate>>) {
    const rows = limitNames.map((name) => [name, defaultLimits[name].by.map((by) => ({ by, limiter: limiterOf(name, by, rates[name]) }))])
    this.#limiters = Object.fromEntries(rows) as Record<LimitName, Limiter[]>
  }

  /** Counts what can be told before the body is read: by IP, user or session. @throws Problem rate_limited */
  async count(name: LimitName, request: Request, response: Response, caller: Caller | undefined): Promise<void> {
    response.locals.caller = caller
    for (const { by, limiter } of this.#limiters[name]) if (by !== 'account') await run(limiter, request, response)
  }

  /** Counts by the account that the body names. @throws Problem rate_limited */
  async countAccount(name: LimitName, request: Request, response: Response): Promise<void> {
    for (const { by, limiter } of this.#limiters[name]) if (by === 'account') await run(limiter, request, response)
  }
}

const limiterOf = (name: LimitName, by: LimitKey, rate: Rate): RequestHandler =>
  rateLimit({
    windowMs: rate.windowSeconds * 1000,
    limit: rate.points,
    standardHeaders: 'draft-8',
    legacyHeaders: true,
    identifier: `${name}-${by}`,
    store: new SlidingWindow({ points: rate.points, windowMs: rate.windowSeconds * 1000 }),
    keyGenerator: (request, response) => keys[by](request, response.locals.caller),
    handler: (_request, response, next) => next(new Problem('rate_limited', undefined, { retryAfterSeconds: retryAfter(response) })),
    validate: false,
  })

const retryAfter = (response: Response): number => Math.max(1, Number(response.getHeader('Retry-After')) || 1)

/** Runs an Express middleware as a promise. @throws what it hands to `next` */
export const run = (middleware: RequestHandler, request: Request, response: Response): Promise<void> =>
  new Promise((resolve, reject) => {
    void middleware(request, response, (error?: unknown) => (error ? reject(error) : resolve()))
  })
