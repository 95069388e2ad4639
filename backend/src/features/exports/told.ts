import { encodeEvent } from '../../realtime/catalogue.js'
import type { Entry } from '../../realtime/log/log.js'
import { idAs, type OutboxEntry } from '../../realtime/outbox-entry.js'
import type { JobDocument } from '../jobs/index.js'
import { viewExport } from './view.js'

/** A person's own devices are told when their export has ended. */
export const tellExport = (job: JobDocument, entry: OutboxEntry): Entry[] => {
  const { type, at } = entry
  const content = type === 'export.ready' ? { export: viewExport(job) } : { fetch: true as const }
  const frame = encodeEvent({ type: 'export.ready', at: at.toISOString(), ...content })
  return [{ channel: `user:${job.userId.toHexString()}`, eventId: idAs('export.ready', entry), frame }]
}
