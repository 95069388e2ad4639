import type { Blocked } from './control-message.js'
import type { Left } from './membership-changes.js'

/** What features hear of through the hub. */
export interface Notice {
  /** The id of a session that ends before its time. */
  readonly revoked: string
  /** People have left a conversation. */
  readonly left: Left
  /** The id of a conversation: what holds for all its messages has changed. */
  readonly settings: string
  /** Whether one of two has blocked the other has changed. */
  readonly blocked: Blocked
  /** The name of what has changed in the database. */
  readonly reread: string
  /** A hint that something is to be looked at anew. */
  readonly signal: { readonly topic: string; readonly of: string }
  /** This worker is about to stop: makes the last frame of a stream that is not the hub's. */
  readonly drain: () => Buffer
}

type Listener = (notice: never) => void

/** Who wants to hear of what. */
export class Notices {
  readonly #listeners = new Map<keyof Notice, Listener[]>()

  on<K extends keyof Notice>(kind: K, listener: (notice: Notice[K]) => void): void {
    this.#listeners.set(kind, [...(this.#listeners.get(kind) ?? []), listener])
  }

  tell<K extends keyof Notice>(kind: K, notice: Notice[K]): void {
    for (const listener of this.#listeners.get(kind) ?? []) listener(notice as never)
  }
}
