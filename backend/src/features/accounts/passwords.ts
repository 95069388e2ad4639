import type { KeyObject } from 'node:crypto'
import { hash, type Options, verify } from '@node-rs/argon2'

/** argon2id, the package's default, with the OWASP Password Storage Cheat Sheet's parameters: 19 MiB, two passes, one lane. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** Hashes and checks passwords: argon2id, with a pepper that the database does not hold. */
export class Passwords {
  readonly #options: Options
  readonly #decoy: Promise<string>
  constructor(pepper: KeyObject | undefined) {
    this.#options = { ...parameters, ...(pepper === undefined ? {} : { secret: pepper.export() }) }
    this.#decoy = this.hash('no account has this password')
    this.#decoy.catch(() => undefined) // told to whoever awaits it
  }

  hash(password: string): Promise<string> {
    return hash(password, this.#options)
  }

  /** Takes as long without a hash as with one, so that an answer's time does not tell whether an account exists. */
  async verify(passwordHash: string | undefined, password: string): Promise<boolean> {
    const matches = await verify(passwordHash ?? (await this.#decoy), password, this.#options)
    return matches && passwordHash !== undefined
  }
}
