import { createHash } from 'node:crypto'

/** Numbers that a seed decides: the same seed gives the same ones (sfc32, from PractRand). */
export class Random {
  readonly #name: string
  readonly #state: Uint32Array

  constructor(name: string) {
    this.#name = name
    const digest = createHash('sha256').update(name).digest()
    this.#state = Uint32Array.from([0, 4, 8, 12], (offset) => digest.readUInt32LE(offset))
  }

  /** One of its own for a part of the run, so that how often another part draws changes nothing here. */
  fork(part: string): Random {
    return new Random(`${this.#name}/${part}`)
  }

  /** At least 0, below 1. */
  next(): number {
    const [a = 0, b = 0, c = 0, counter = 0] = this.#state
    const drawn = (a + b + counter) | 0
    this.#state.set([b ^ (b >>> 9), (c + (c << 3)) | 0, ((c << 21) | (c >>> 11)) + drawn, counter + 1])
    return (drawn >>> 0) / 2 ** 32
  }

  /** A whole number, both ends included. */
  integer(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** @throws where there is nothing to choose from */
  pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(this.next() * from.length)]
    if (picked === undefined) throw new Error('There is nothing to choose from')
    return picked
  }

  /** One of them, each as often as its weight says. */
  weighted<T extends { readonly weight: number }>(from: readonly T[]): T {
    let at = this.next() * from.reduce((sum, { weight }) => sum + weight, 0)
    for (const one of from) {
      at -= one.weight
      if (at < 0) return one
    }
    return this.pick(from)
  }
}
