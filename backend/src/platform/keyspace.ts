import type { Generation } from './generation.js'

/**
 * Names every Redis key and channel. All carry the database's generation, so that what Redis remembers of a database
 * that was restored, or of another one, is never taken for this one's.
 */
export class Keyspace {
  readonly #generation: () => Generation
  constructor(generation: () => Generation) {
    this.#generation = generation
  }

  head(conversationId: string): string {
    return `heliograph:${this.#generation()}:head:${conversationId}`
  }

  channel(name: string): string {
    return `heliograph:${this.#generation()}:channel:${name}`
  }
}
