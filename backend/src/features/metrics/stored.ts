import type { mongo } from 'mongoose'
import type { Registry } from 'prom-client'
import { withDeadline } from '../../platform/deadline.js'
import { measuredGauge } from '../../platform/metrics/measured.js'
import type { Leases } from '../../realtime/leases.js'
import type { OutboxSource } from '../../realtime/outbox.js'
import { countPending } from '../../realtime/pending.js'
import { oldestUntold } from '../../realtime/untold.js'

interface Dependencies {
  readonly registry: Registry
  readonly ready: () => boolean
  readonly collection: (name: string) => mongo.Collection
  readonly sources: readonly OutboxSource[]
  readonly leases: Pick<Leases, 'workers'>
}

const reuseMs = 10_000
const deadlineMs = 5000
/** An outbox keeps what was told for 45 s, and forgets it with the next second or two: what is younger is no trouble. */
const ordinaryMs = 60_000
/** More than these are estimated, which is quick and may be off for a while. */
const mostCounted = 100_000

/** What the database alone knows: asked for at most every 10 s, and not told while it does not answer. */
export const measureStored = ({ registry, ready, collection, sources, leases }: Dependencies): void => {
  const sessions = async (): Promise<number> => {
    const options = { maxTimeMS: deadlineMs }
    const [counted, ended] = await Promise.all([
      collection('sessions').countDocuments({ expiresAt: { $gt: new Date() } }, { ...options, limit: mostCounted }),
      collection('sessions').countDocuments({ revokedAt: { $gt: new Date(0) } }, { ...options, limit: mostCounted }),
    ])
    const all = counted < mostCounted ? counted : await collection('sessions').estimatedDocumentCount(options)
    return Math.max(0, all - ended)
  }
  const oldestSeconds = async (): Promise<number> => {
    const { now, living, dead } = await leases.workers()
    const oldest = await oldestUntold(sources, [...living, ...dead], new Date(now.getTime() - ordinaryMs))
    return oldest === undefined ? 0 : (now.getTime() - oldest.getTime()) / 1000
  }
  const lastBackup = async (): Promise<number> => {
    const made = await collection('audit').findOne(
      { action: 'backup.made', outcome: 'done' },
      { sort: { at: -1 }, projection: { at: 1 }, maxTimeMS: deadlineMs },
    )
    return made?.['at'] instanceof Date ? made['at'].getTime() / 1000 : 0
  }
  const measure = (name: string, help: string, ask: () => Promise<number>) =>
    measuredGauge(
      registry,
      { name, help },
      reused(() => (ready() ? withDeadline(ask(), deadlineMs, name).catch(() => undefined) : undefined)),
    )

  measure(
    'redis_sessions_active',
    'Sessions that have not ended. They are kept in MongoDB: the name is the one that dashboards know',
    sessions,
  )
  measure('outbox_pending', 'Documents with events that are to be told, or were told less than 45 s ago; at most 10,000 of each kind', () =>
    countPending(sources),
  )
  measure(
    'outbox_oldest_seconds',
    'How old the oldest event is that is neither told nor forgotten after a minute; 0 where there is none',
    oldestSeconds,
  )
  measure(
    'backup_last_success_timestamp_seconds',
    'When the last backup was made, as the audit log has it; 0 where none was in its 90 days',
    lastBackup,
  )
}

const reused = (ask: () => Promise<number | undefined> | undefined): (() => Promise<number | undefined>) => {
  let asked: { readonly at: number; readonly answer: Promise<number | undefined> } | undefined
  return () => {
    const now = performance.now()
    if (!asked || now - asked.at > reuseMs) asked = { at: now, answer: Promise.resolve(ask()) }
    return asked.answer
  }
}
