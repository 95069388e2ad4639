/** Somebody whose last stream has ended a while ago. */
export interface Gone {
  readonly userId: string
  /** By the clock of Redis: when they would have been gone, had they come back until then. */
  readonly until: Date
}

/** Where people have streams, over all workers. A worker that dies says nothing more, and what it has said runs out. */
export interface PresenceStore {
  /** Says of people that they are at this worker, and count as there for so long from now. @returns those who were nowhere before */
  touch(userIds: readonly string[], forMs: number): Promise<string[]>
  /** Of these people, those who are there. */
  online(userIds: readonly string[]): Promise<string[]>
  /** Some of those whose time has run out everywhere; each is given to one who asks, and again after 10 s to another while it is not forgotten. */
  gone(): Promise<Gone[]>
  /** Forgets one who has gone. @returns false where they have come back */
  forget(userId: string): Promise<boolean>
}

/** Whoever is given one who has gone has so long to tell of it. */
export const claimMs = 10_000
/** So many are given at once. */
export const mostGone = 100
