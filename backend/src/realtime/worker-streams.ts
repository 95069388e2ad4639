import type { EventStream } from './stream.js'

/** A beat every 20 s a stream; the streams are spread over as many turns of a second. */
export const heartbeatTurns = 20

/** The streams of a worker: all of them, each person's, and those of each turn of the heartbeat. */
export class WorkerStreams {
  readonly #all = new Set<EventStream>()
  readonly #byUser = new Map<string, Set<EventStream>>()
  readonly #turns: Set<EventStream>[] = Array.from({ length: heartbeatTurns }, () => new Set())

  get size(): number {
    return this.#all.size
  }

  get all(): ReadonlySet<EventStream> {
    return this.#all
  }

  has(stream: EventStream): boolean {
    return this.#all.has(stream)
  }

  /** A person's, the oldest first. */
  of(userId: string): readonly EventStream[] {
    return [...(this.#byUser.get(userId) ?? [])]
  }

  ofUsers(userIds: readonly string[]): readonly EventStream[] {
    return userIds.flatMap((userId) => this.of(userId))
  }

  ofTurn(turn: number): Iterable<EventStream> {
    return this.#turns[turn] ?? []
  }

  /** @returns true for the first one of its person */
  add(stream: EventStream): boolean {
    this.#all.add(stream)
    this.#turns[this.#all.size % heartbeatTurns]?.add(stream)
    const own = this.#byUser.get(stream.userId)
    if (own) own.add(stream)
    else this.#byUser.set(stream.userId, new Set([stream]))
    return !own
  }

  /** @returns whether it was there, and whether it was the last one of its person */
  delete(stream: EventStream): { wasThere: boolean; wasLast: boolean } {
    for (const turn of this.#turns) turn.delete(stream)
    const own = this.#byUser.get(stream.userId)
    own?.delete(stream)
    const wasLast = own?.size === 0
    if (wasLast) this.#byUser.delete(stream.userId)
    return { wasThere: this.#all.delete(stream), wasLast }
  }
}
