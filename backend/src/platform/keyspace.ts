import type { Generation } from './generation.js'

/**
 * Names what the server keeps in Redis beside the log. All names carry the database's generation, so that what Redis remembers of a database
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

  ticket(hash: string): string {
    return `heliograph:${this.#generation()}:ticket:${hash}`
  }
}
