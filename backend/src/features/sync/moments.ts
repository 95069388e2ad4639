import type { Leases } from '../../realtime/leases.js'
import type { OutboxSource } from '../../realtime/outbox.js'
import { oldestUntold } from '../../realtime/untold.js'

/** How far a moment is before now. */
export interface MomentMargins {
  /** Longer than any write's deadline, and than an event waits to be forgotten while all is well. */
  readonly overlapMs?: number
  /** A worker's clock, by which its events are dated, may be so far from the database's. */
  readonly clockMarginMs?: number
}

interface Dependencies extends MomentMargins {
  readonly leases: Leases
  readonly sources: readonly OutboxSource[]
}

const defaults = { overlapMs: 120_000, clockMarginMs: 60_000 }
const reuseMs = 1000

/** Moments by the database's clock before which nothing changes any more: who has all up to one may ask for what has changed since. */
export class Moments {
  readonly #deps: Dependencies
  #latest: { readonly at: number; readonly moment: Promise<Date> } | undefined
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** At most a second old, which makes it no less true. @throws where the database is away */
  now(): Promise<Date> {
    const now = performance.now()
    if (this.#latest && now - this.#latest.at < reuseMs) return this.#latest.moment
    const moment = this.#find()
    this.#latest = { at: now, moment }
    moment.catch(() => {
      this.#latest = undefined
    })
    return moment
  }

  /** What a change still has to do to other documents, it does before its event is forgotten: so the moment is never past the oldest event. */
  async #find(): Promise<Date> {
    const { leases, sources, overlapMs, clockMarginMs } = { ...defaults, ...this.#deps }
    const { now, living, dead } = await leases.workers()
    const before = new Date(now.getTime() - overlapMs)
    const oldest = await oldestUntold(sources, [...living, ...dead], before)
    return new Date((oldest ?? before).getTime() - clockMarginMs)
  }
}
