import { type KeyObject, randomBytes } from 'node:crypto'
import { hash, type Options, verify } from '@node-rs/argon2'
import { Problem } from '../../http/problem.js'
import { BoundedWork } from '../../platform/bounded-work.js'

/** argon2id, the package's default, with the OWASP Password Storage Cheat Sheet's parameters: 19 MiB, two passes, one lane. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** Half of libuv's threads and no more: who signs in starves neither messages nor the machine's memory. */
const mostAtOnce = 2
const mostWaiting = 200
const deadlineMs = 10_000

const optionsOf = (pepper: KeyObject | undefined): Options => ({ ...parameters, ...(pepper && { secret: pepper.export() }) })

/** What a password is to a hash; `outdated` where it is right, and the hash is of another pepper than today's, or made with less. */
export type Match = 'wrong' | 'right' | 'outdated'

/** Hashes and checks passwords: argon2id, with a pepper that the database does not hold; a few at once, the others wait. */
export class Passwords {
  readonly #options: Options
  readonly #former: readonly Options[]
  readonly #decoy: Promise<string>
  readonly #work = new BoundedWork({ what: 'sign-in', mostAtOnce, mostWaiting, deadlineMs })
  /** @param former the peppers that hashes may be of as well; undefined for those that were made without one */
  constructor(pepper: KeyObject | undefined, former: readonly (KeyObject | undefined)[] = []) {
    this.#options = optionsOf(pepper)
    this.#former = former.map(optionsOf)
    this.#decoy = this.hash(randomBytes(16).toString('hex'))
    this.#decoy.catch(() => undefined) // told to whoever awaits it
  }

  /** @throws Problem service_unavailable where too many wait */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => hash(password, this.#options))
  }

  /** As `match`. */
  async verify(passwordHash: string | undefined, password: string): Promise<boolean> {
    return (await this.match(passwordHash, password)) !== 'wrong'
  }

  /**
   * Takes as long without a hash as with one that does not match, so that an answer's time does not tell whether an account exists.
   * @throws Problem service_unavailable where too many wait
   */
  async match(passwordHash: string | undefined, password: string): Promise<Match> {
    const expected = passwordHash ?? (await this.#decoy)
    const match = await this.#inTurn(() => this.#matchOf(expected, password))
    return passwordHash === undefined ? 'wrong' : match
  }

  async #matchOf(expected: string, password: string): Promise<Match> {
    if (await verify(expected, password, this.#options)) return madeWithLess(expected) ? 'outdated' : 'right'
    for (const former of this.#former) if (await verify(expected, password, former)) return 'outdated'
    return 'wrong'
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

const madeWithLess = (passwordHash: string): boolean => {
  const [, memoryCost, timeCost] = /\$m=(\d+),t=(\d+),p=\d+\$/.exec(passwordHash) ?? []
  return Number(memoryCost) < parameters.memoryCost || Number(timeCost) < parameters.timeCost
}
