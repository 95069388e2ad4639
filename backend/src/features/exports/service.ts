import type { Caller } from '../../http/endpoint.js'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import type { JobDocument, JobRunner, JobStore } from '../jobs/index.js'
import type { ExportParts } from './parts.js'
import { stateOf } from './state.js'

interface Dependencies {
  readonly jobs: JobStore
  readonly runner: () => Pick<JobRunner, 'wake'>
  readonly parts: ExportParts
}

/** What people ask of all that is kept of them. */
export class ExportService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** Begins an export, which takes the place of the one before; while one goes on, that one. */
  async begin({ userId }: Caller): Promise<JobDocument> {
    const { jobs, runner } = this.#deps
    const job = await jobs.begin('export', toObjectId(userId))
    if (job.attempts === 0) await this.#remove(userId, job)
    runner().wake()
    return job
  }

  /** @throws Problem not_found where there is no such export of the caller's, or not any more */
  async get({ userId }: Caller, exportId: string): Promise<JobDocument> {
    const job = await this.#deps.jobs.find('export', toObjectId(userId), toObjectId(exportId))
    if (!job || (job.expiresAt && job.expiresAt.getTime() <= Date.now())) throw new Problem('not_found')
    return job
  }

  /** The zip of an export, a piece at a time. @throws Problem not_found; conflict while it is not ready, or where it failed */
  async content(caller: Caller, exportId: string): Promise<{ size: number; pieces: AsyncIterable<Buffer> }> {
    const job = await this.get(caller, exportId)
    const state = job.status === 'done' ? stateOf(job) : undefined
    if (!state) throw new Problem('conflict', job.status === 'failed' ? 'The export has failed' : 'The export is not ready yet')
    return { size: state.size, pieces: this.#deps.parts.read({ exportId: job._id, attempt: state.attempt }, state.size) }
  }

  /** Removes all exports of a person, whatever goes on. */
  async removeAll(userId: string): Promise<void> {
    await this.#remove(userId)
  }

  async #remove(userId: string, but?: JobDocument): Promise<void> {
    const { jobs, parts } = this.#deps
    await parts.removeAll(await jobs.remove('export', toObjectId(userId), but?._id))
  }
}
