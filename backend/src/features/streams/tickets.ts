import type { Cluster, Redis } from 'ioredis'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { Caller } from '../../http/endpoint.js'
import type { Keyspace } from '../../platform/keyspace.js'
import { hashOfToken, newToken } from '../../platform/random-tokens.js'

/** Opens one stream for who cannot send a header: a browser's EventSource. */
interface Tickets {
  /** @returns a ticket, good once and for `ticketTtlSeconds`. @throws where Redis is away */
  issue(caller: Caller): Promise<string>
  /** @returns whose it is; undefined where it was used, has expired or never was. @throws where Redis is away */
  redeem(ticket: string): Promise<Caller | undefined>
}

export const ticketTtlSeconds = 30
const ticketBytes = 24
const mostInMemory = 100_000

const Stored = z.object({ userId: z.string(), sessionId: z.string(), role: z.literal('admin').exactOptional() })

/** Tickets that any worker takes. */
export class RedisTickets implements Tickets {
  readonly #redis: Redis | Cluster
  readonly #keyspace: Keyspace
  constructor(redis: Redis | Cluster, keyspace: Keyspace) {
    this.#redis = redis
    this.#keyspace = keyspace
  }

  async issue({ userId, sessionId, role }: Caller): Promise<string> {
    const ticket = newToken(ticketBytes)
    const stored = JSON.stringify({ userId, sessionId, role } satisfies Record<Exclude<keyof Caller, 'scopes' | 'pending'>, unknown>) // who has these gets none
    await this.#redis.set(this.#keyspace.ticket(hashOfToken(ticket)), stored, 'EX', ticketTtlSeconds)
    return ticket
  }

  async redeem(ticket: string): Promise<Caller | undefined> {
    const stored = await this.#redis.getdel(this.#keyspace.ticket(hashOfToken(ticket)))
    return stored === null ? undefined : Stored.parse(JSON.parse(stored))
  }
}

/** Tickets of a single process. */
export class MemoryTickets implements Tickets {
  readonly #issued = new LRUCache<string, Caller>({ max: mostInMemory, ttl: ticketTtlSeconds * 1000 })

  issue(caller: Caller): Promise<string> {
    const ticket = newToken(ticketBytes)
    this.#issued.set(hashOfToken(ticket), caller)
    return Promise.resolve(ticket)
  }

  redeem(ticket: string): Promise<Caller | undefined> {
    const hash = hashOfToken(ticket)
    const caller = this.#issued.get(hash)
    this.#issued.delete(hash)
    return Promise.resolve(caller)
  }
}
