import { LRUCache } from 'lru-cache'
import type { Model } from 'mongoose'
import { BoundedWork } from '../../platform/bounded-work.js'
import { isDuplicateKey } from '../../platform/duplicate-key.js'
import type { Logger } from '../../platform/logger.js'
import type { AuditDocument, AuditLog } from '../audit/index.js'
import type { AlertOutlet, SecurityAlert } from './alert.js'
import type { SecurityAlertDocument } from './model.js'
import { type Rule, rules } from './rules.js'

interface Dependencies {
  readonly audit: Pick<AuditLog, 'countSince'>
  readonly alerts: Model<SecurityAlertDocument>
  readonly outlets: readonly AlertOutlet[]
  readonly logger: Logger
}

const windowMs = 3_600_000
const mostRemembered = 10_000
const bounds = { what: 'security checks', mostAtOnce: 2, mostWaiting: 1000, deadlineMs: 10_000 }

/**
 * Looks at each audit entry that this worker writes, counts those like it of all workers, and alarms once an hour for each kind and key.
 * An alert is logged, then sent; what cannot be sent in time is logged as that.
 */
export class SecurityMonitor {
  readonly #deps: Dependencies
  readonly #work = new BoundedWork(bounds)
  /** Checks that have not begun: one counts all that came before it. */
  readonly #waiting = new Set<string>()
  readonly #alarmed = new LRUCache<string, true>({ max: mostRemembered })
  readonly #sending = new Set<Promise<unknown>>()
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Looks at an entry in the background: nobody waits for it, and nothing fails by it. */
  notice(entry: AuditDocument): void {
    for (const rule of rules) {
      const key = rule.keyOf(entry)
      if (key !== undefined) this.#lookAt(rule, key)
    }
  }

  /** Resolves when what was noticed is looked at, and what was to be sent is sent or given up: within 20 s. */
  async settled(): Promise<void> {
    await this.#work.settled()
    await Promise.all(this.#sending)
  }

  #lookAt(rule: Rule, key: string): void {
    const id = `${rule.kind}:${key}`
    if (this.#waiting.has(id) || this.#alarmed.has(id)) return
    this.#waiting.add(id)
    this.#work
      .run(() => {
        this.#waiting.delete(id)
        return this.#check(rule, key, id)
      })
      .catch((error: unknown) => {
        this.#waiting.delete(id)
        this.#deps.logger.warn({ err: error, kind: rule.kind }, 'what may be alarming was not looked at')
      })
  }

  async #check(rule: Rule, key: string, id: string): Promise<void> {
    const now = new Date()
    const since = new Date(now.getTime() - windowMs)
    const count = await this.#deps.audit.countSince(rule.alike(key), since, rule.most + 1)
    if (count <= rule.most) return
    const mine = await this.#claim(id, now, since)
    this.#alarmed.set(id, true, { ttl: await this.#untilNext(id, now) })
    if (mine) this.#send({ kind: rule.kind, about: rule.about, key, count, at: now.toISOString() })
  }

  /** @returns false where a worker has alarmed of it within the hour */
  async #claim(id: string, now: Date, since: Date): Promise<boolean> {
    try {
      await this.#deps.alerts.updateOne({ _id: id, at: { $lte: since } }, { $set: { at: now } }, { upsert: true })
      return true
    } catch (error) {
      if (isDuplicateKey(error)) return false
      throw error
    }
  }

  /** Milliseconds, at least 1, until the hour since the last alert is over. */
  async #untilNext(id: string, now: Date): Promise<number> {
    const last = await this.#deps.alerts.findById(id).read('primary').lean()
    return Math.max(1, (last?.at ?? now).getTime() + windowMs - now.getTime())
  }

  #send(alert: SecurityAlert): void {
    const { logger, outlets } = this.#deps
    logger.warn({ alert }, 'security alert')
    for (const outlet of outlets) {
      const sending = outlet(alert)
        .catch((error: unknown) => logger.error({ err: error, kind: alert.kind }, 'a security alert was not sent'))
        .finally(() => this.#sending.delete(sending))
      this.#sending.add(sending)
    }
  }
}
