import { ipKeyGenerator } from 'express-rate-limit'
import type { Cluster, Redis } from 'ioredis'
import type { Keyspace } from '../../platform/keyspace.js'
import type { Logger } from '../../platform/logger.js'
import { hashOfToken } from '../../platform/random-tokens.js'
import { type AttemptRules, type Attempts, type Counted, MemoryAttempts, RedisAttempts } from './attempts.js'

interface Dependencies {
  readonly rules: AttemptRules
  readonly redis: Redis | Cluster | undefined
  readonly keyspace: Keyspace
  readonly logger: Logger
}

/** One attempt to prove who one is, counted. Whoever began it says what became of it; one that failed stays counted. */
export interface Attempt {
  /** There were too many before: this one is not judged. */
  readonly locked: boolean
  /** Where it fails, no more are judged. */
  readonly last: boolean
  /** Until more are judged, where it is locked or last and fails. */
  readonly retryAfterSeconds: number
  succeeded(): Promise<void>
  /** Neither right nor wrong: something was missing. */
  takeBack(): Promise<void>
}

/**
 * Bars an address from an account that it guesses at. By both: a stranger cannot lock a person out of where they sign in from. An account that is not
 * there is barred alike; and one is counted under the name that it was called by, or else whose mail address belongs to which phone could be tried out.
 */
export class Lockout {
  readonly #deps: Dependencies
  readonly #shared: Attempts | undefined
  /** Counts while Redis is away. */
  readonly #own: Attempts
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#shared = deps.redis && new RedisAttempts(deps.redis, deps.rules)
    this.#own = new MemoryAttempts(deps.rules)
  }

  /** @param account what the person calls it: a phone or a mail address */
  async begin(account: string, ip: string): Promise<Attempt> {
    const key = hashOfToken(`${account} ${ipKeyGenerator(ip)}`)
    const { by, name, attempts, forgottenInMs } = await this.#count(key)
    const { most } = this.#deps.rules
    return {
      locked: attempts > most,
      last: attempts === most,
      retryAfterSeconds: Math.ceil(forgottenInMs / 1000),
      succeeded: () => this.#forget(key),
      takeBack: () => by.takeBack(name).catch((error: unknown) => this.#warn(error)),
    }
  }

  async #count(key: string): Promise<Counted & { by: Attempts; name: string }> {
    if (this.#shared) {
      const [by, name] = [this.#shared, this.#deps.keyspace.attempts(key)]
      try {
        return { by, name, ...(await by.count(name)) }
      } catch (error) {
        this.#warn(error)
      }
    }
    return { by: this.#own, name: key, ...(await this.#own.count(key)) }
  }

  /** What was counted here while Redis was away, too. */
  async #forget(key: string): Promise<void> {
    await this.#own.forget(key)
    await this.#shared?.forget(this.#deps.keyspace.attempts(key)).catch((error: unknown) => this.#warn(error))
  }

  #warn(error: unknown): void {
    this.#deps.logger.warn({ err: error }, 'attempts to sign in are counted by this worker alone')
  }
}
