import { encodeEvent } from '../../realtime/catalogue.js'
import type { Entry } from '../../realtime/log/log.js'
import type { OutboxEntry } from '../../realtime/outbox-entry.js'
import type { JobDocument } from '../jobs/index.js'
import { viewExport } from './view.js'

/** A person's own devices are told when their export has ended. */
export const tellExport = (job: JobDocument, { type, eventId, at }: OutboxEntry): Entry[] => {
  if (type !== 'export.ready') throw new Error(`Not an event of a job: ${type}`) // a newer worker's, which tells it
  const frame = encodeEvent({ type, at: at.toISOString(), export: viewExport(job) })
  return [{ channel: `user:${job.userId.toHexString()}`, eventId, frame }]
}
