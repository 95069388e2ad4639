import { randomUUID } from 'node:crypto'
import type { mongo } from 'mongoose'
import type { Caller } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import { withDeadline } from '../../platform/deadline.js'
import type { Logger } from '../../platform/logger.js'
import { encodeFrame } from '../../realtime/catalogue.js'
import type { Hub } from '../../realtime/hub.js'
import type { EventLog } from '../../realtime/log/log.js'

/** One document for all workers; its times are the database's. */
export interface AdmissionDocument {
  readonly _id: 'admission'
  /** Absent while everyone is let in. */
  readonly lockdownAt?: Date
  /** Sessions that began before have ended. */
  readonly sessionsValidFrom?: Date
}

interface Dependencies {
  readonly admission: () => mongo.Collection<AdmissionDocument>
  readonly hub: Pick<Hub, 'endStreams' | 'on'>
  readonly log: Pick<EventLog, 'append'>
  readonly logger: Logger
}

type State = Pick<AdmissionDocument, 'lockdownAt' | 'sessionsValidFrom'>

/** Twice within the second in which every worker must know: what is told to the hubs may be lost. */
const lookEveryMs = 500
const readDeadlineMs = 2000
const tellDeadlineMs = 1000
const retryAfterSeconds = 30
const key = { _id: 'admission' } as const

/**
 * Who is let in just now: everyone, or administrators alone (lockdown); and from which moment on sessions hold.
 * Asked at every request, so it is kept in memory: read from the database when the hubs are told of a change, and twice a second
 * whatever they are told, so that it holds while Redis is away.
 */
export class Admission {
  readonly #deps: Dependencies
  #state: State = {}
  /** Sessions whose ids were made in this second of the epoch or before are over. */
  #lastVoidSecond = 0
  /** Reads are numbered, so that none is put in the place of a newer one. */
  #reads = 0
  #applied = 0
  #looking: Promise<void> | undefined
  #again = false
  #failed = false
  #timer: NodeJS.Timeout | undefined
  constructor(deps: Dependencies) {
    this.#deps = deps
    deps.hub.on('reread', (name) => {
      if (name === 'admission') this.#look()
    })
  }

  /** True while administrators alone are let in. */
  get closed(): boolean {
    return this.#state.lockdownAt !== undefined
  }

  get state(): State {
    return this.#state
  }

  /**
   * @throws Problem session_revoked where the caller's session began before all were ended: in the same second or before, by the clock of
   * the worker that opened it; lockdown where administrators alone are let in
   */
  check({ sessionId, role }: Pick<Caller, 'sessionId' | 'role'>): void {
    if (secondOf(sessionId) <= this.#lastVoidSecond) throw new Problem('session_revoked')
    this.requireOpen(role)
  }

  /** For who has no session yet. @throws Problem lockdown */
  requireOpen(role?: 'admin'): void {
    if (this.closed && role !== 'admin') throw new Problem('lockdown', undefined, { retryAfterSeconds })
  }

  /** Reads who is let in, and from then on follows. @throws where the database is away */
  async start(): Promise<void> {
    await this.#read()
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#again = false
    await this.#looking
  }

  /** Lets administrators alone in, at every worker within a second. Everyone else's streams end; their sessions wait. */
  lockDown(): Promise<void> {
    return this.#change({ $currentDate: { lockdownAt: true } })
  }

  reopen(): Promise<void> {
    return this.#change({ $unset: { lockdownAt: '' } })
  }

  /** Ends every session that there is, the caller's too, at every worker within a second. */
  endAllSessions(): Promise<void> {
    return this.#change({ $currentDate: { sessionsValidFrom: true } })
  }

  async #change(update: mongo.UpdateFilter<AdmissionDocument>): Promise<void> {
    await this.#deps.admission().updateOne(key, update, { upsert: true })
    await this.#read()
    await this.#tell()
  }

  /** On a channel that no stream has: what counts is what the hubs are told. Who does not hear it looks by itself. */
  async #tell(): Promise<void> {
    const entry = {
      channel: 'user:admission',
      eventId: randomUUID(),
      frame: Buffer.from(':\n\n'),
      control: { reread: 'admission' },
    } as const
    await withDeadline(this.#deps.log.append(entry), tellDeadlineMs, 'telling the workers').catch((error: unknown) =>
      this.#deps.logger.warn({ err: error }, 'the workers were not told who is let in: they look by themselves'),
    )
  }

  #look(): void {
    this.#again = this.#looking !== undefined // what changed while it was read is read once more
    this.#looking ??= this.#read()
      .then(() => {
        this.#failed = false
      })
      .catch((error: unknown) => {
        if (!this.#failed) this.#deps.logger.warn({ err: error }, 'who is let in was not read')
        this.#failed = true
      })
      .finally(() => {
        this.#looking = undefined
        if (this.#again) this.#look()
      })
  }

  async #read(): Promise<void> {
    const turn = ++this.#reads
    const reading = this.#deps.admission().findOne(key, { readPreference: 'primary', maxTimeMS: readDeadlineMs })
    const state = (await withDeadline(reading, readDeadlineMs, 'reading who is let in')) ?? {}
    if (turn < this.#applied) return
    this.#applied = turn
    this.#apply(state)
  }

  #apply({ lockdownAt, sessionsValidFrom }: State): void {
    const before = this.#state
    const validFrom = latest(before.sessionsValidFrom, sessionsValidFrom)
    this.#state = { ...(lockdownAt && { lockdownAt }), ...(validFrom && { sessionsValidFrom: validFrom }) }
    this.#lastVoidSecond = validFrom ? Math.floor(validFrom.getTime() / 1000) : 0
    const at = new Date().toISOString()
    if (validFrom && validFrom.getTime() !== before.sessionsValidFrom?.getTime()) {
      this.#deps.hub.endStreams(
        ({ sessionId }) => secondOf(sessionId) <= this.#lastVoidSecond,
        ({ sessionId }) => encodeFrame('session.revoked', { type: 'session.revoked', at, sessionId, reason: 'ended_by_admin' }),
      )
    }
    if (lockdownAt && !before.lockdownAt) {
      this.#deps.hub.endStreams(
        ({ role }) => role !== 'admin',
        () => encodeFrame('lockdown', { type: 'lockdown', at }),
      )
    }
  }
}

/** When a session's id was made, in seconds of the epoch: the first four bytes of an ObjectId. */
const secondOf = (sessionId: string): number => Number.parseInt(sessionId.slice(0, 8), 16)

/** Reads may overtake each other: what has ended stays ended. */
const latest = (one: Date | undefined, other: Date | undefined): Date | undefined =>
  one && other ? new Date(Math.max(one.getTime(), other.getTime())) : (one ?? other)
