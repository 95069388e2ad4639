import type { KeyObject } from 'node:crypto'
import { hash, type Options, verify } from '@node-rs/argon2'
import { Problem } from '../../http/problem.js'
import { BoundedWork } from '../../platform/bounded-work.js'

/** argon2id, the package's default, with the OWASP Password Storage Cheat Sheet's parameters: 19 MiB, two passes, one lane. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** Half of libuv's threads and no more: who signs in starves neither messages nor the machine's memory. */
const mostAtOnce = 2
const mostWaiting = 200
const deadlineMs = 10_000

/** Hashes and checks passwords: argon2id, with a pepper that the database does not hold; a few at once, the others wait. */
export class Passwords {
  readonly #options: Options
  readonly #decoy: Promise<string>
  readonly #work = new BoundedWork({ what: 'sign-in', mostAtOnce, mostWaiting, deadlineMs })
  constructor(pepper: KeyObject | undefined) {
    this.#options = { ...parameters, ...(pepper === undefined ? {} : { secret: pepper.export() }) }
    this.#decoy = this.hash('no account has this password')
    this.#decoy.catch(() => undefined) // told to whoever awaits it
  }

  /** @throws Problem service_unavailable where too many wait */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => hash(password, this.#options))
  }

  /**
   * Takes as long without a hash as with one, so that an answer's time does not tell whether an account exists.
   * @throws Problem service_unavailable where too many wait
   */
  async verify(passwordHash: string | undefined, password: string): Promise<boolean> {
    const expected = passwordHash ?? (await this.#decoy)
    const matches = await this.#inTurn(() => verify(expected, password, this.#options))
    return matches && passwordHash !== undefined
  }

  /** Whether a hash was made with less than is asked for today. */
  isOutdated(passwordHash: string): boolean {
    const [, memoryCost, timeCost] = /\$m=(\d+),t=(\d+),p=\d+\$/.exec(passwordHash) ?? []
    return Number(memoryCost) < parameters.memoryCost || Number(timeCost) < parameters.timeCost
  }

  async #inTurn<T>(task: () => Promise<T>): Promise<T> {
    let begun = false
    const work = this.#work.run(() => {
      begun = true
      return task()
    })
    return work.catch((error: unknown) => {
      if (begun) throw error
      throw new Problem('service_unavailable', 'Too many people are signing in', { cause: error })
    })
  }
}
