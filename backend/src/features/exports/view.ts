import type { JobDocument } from '../jobs/index.js'
import type { ExportView } from './schema.js'
import { stateOf } from './state.js'

/** What a person sees of an export of theirs. */
export const viewExport = (job: JobDocument): ExportView => ({
  id: job._id.toHexString(),
  status: job.status === 'done' ? 'ready' : job.status,
  progress: job.progress,
  createdAt: job.createdAt.toISOString(),
  expiresAt: (job.status === 'done' && job.expiresAt?.toISOString()) || null,
  size: (job.status === 'done' && stateOf(job)?.size) || null,
})
