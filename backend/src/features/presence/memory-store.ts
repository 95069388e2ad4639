import { claimMs, type Gone, mostGone, type PresenceStore } from './store.js'

/** Presence of a single process. */
export class MemoryPresence implements PresenceStore {
  readonly #until = new Map<string, number>()
  readonly #claimedUntil = new Map<string, number>()

  touch(userIds: readonly string[], forMs: number): Promise<string[]> {
    const now = Date.now()
    const newcomers = userIds.filter((userId) => !this.#isThere(userId, now))
    for (const userId of userIds) {
      this.#until.set(userId, now + forMs)
      this.#claimedUntil.delete(userId)
    }
    return Promise.resolve(newcomers)
  }

  online(userIds: readonly string[]): Promise<string[]> {
    const now = Date.now()
    return Promise.resolve(userIds.filter((userId) => this.#isThere(userId, now)))
  }

  gone(): Promise<Gone[]> {
    const now = Date.now()
    const gone: Gone[] = []
    for (const [userId, until] of this.#until) {
      if (gone.length === mostGone) break
      if (until > now || (this.#claimedUntil.get(userId) ?? 0) > now) continue
      this.#claimedUntil.set(userId, now + claimMs)
      gone.push({ userId, until: new Date(until) })
    }
    return Promise.resolve(gone)
  }

  forget(userId: string): Promise<boolean> {
    if (this.#isThere(userId, Date.now())) return Promise.resolve(false)
    this.#until.delete(userId)
    this.#claimedUntil.delete(userId)
    return Promise.resolve(true)
  }

  #isThere(userId: string, now: number): boolean {
    return (this.#until.get(userId) ?? 0) > now
  }
}
