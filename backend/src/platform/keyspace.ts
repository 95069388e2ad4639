import type { Generation } from './generation.js'
import { shardOfName, tagOf } from './shards.js'

/**
 * Names what the server keeps in Redis beside the log. All names carry the database's generation, so that what Redis remembers of a database
 * that was restored, or of another one, is never taken for this one's; and a shard's tag, as the log's.
 */
export class Keyspace {
  readonly #generation: () => Generation
  readonly #shards: number
  constructor(generation: () => Generation, shards = 1) {
    this.#generation = generation
    this.#shards = shards
  }

  head(conversationId: string): string {
    return this.#name('head', conversationId)
  }

  /** Where a person has streams. */
  presence(userId: string): string {
    return this.#name('presence', userId)
  }

  /** Whom of a person's shard to look for, and when. */
  presenceDue(userId: string): string {
    return this.#presenceDue(shardOfName(userId, this.#shards))
  }

  /** Those of all shards. */
  presenceDues(): string[] {
    return Array.from({ length: this.#shards }, (_, shard) => this.#presenceDue(shard))
  }

  typing(conversationId: string, userId: string): string {
    return this.#name('typing', `${conversationId}:${userId}`)
  }

  ticket(hash: string): string {
    return this.#name('ticket', hash)
  }

  /** What was counted for a limit's key. */
  limit(limit: string, key: string): string {
    return this.#name('limit', `${limit}:${key}`)
  }

  /** How often somebody failed to prove who they are. */
  attempts(hash: string): string {
    return this.#name('attempts', hash)
  }

  /** Names by shard: what a Redis Cluster takes in one command. */
  byShard(names: readonly string[]): string[][] {
    const ofShards = new Map<string, string[]>()
    for (const name of names) {
      const tag = name.slice(0, name.indexOf('}'))
      const own = ofShards.get(tag)
      if (own) own.push(name)
      else ofShards.set(tag, [name])
    }
    return [...ofShards.values()]
  }

  #name(kind: string, of: string): string {
    return `heliograph:${tagOf(shardOfName(of, this.#shards))}:${this.#generation()}:${kind}:${of}`
  }

  #presenceDue(shard: number): string {
    return `heliograph:${tagOf(shard)}:${this.#generation()}:presence-due`
  }
}
