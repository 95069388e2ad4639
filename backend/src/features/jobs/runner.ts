import type { Logger } from '../../platform/logger.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import { JobFailure, type JobHandler } from './handler.js'
import { JobLost, JobRun } from './run.js'
import type { JobStore, TakenJob } from './store.js'
import type { JobTimes } from './times.js'

interface Dependencies {
  readonly store: JobStore
  readonly handlers: readonly JobHandler[]
  readonly outbox: Outbox
  readonly source: OutboxSource
  /** This worker's name in outboxes. */
  readonly worker: string
  readonly logger: Logger
  readonly times: JobTimes
}

/** So many jobs at once at a worker. */
const mostAtOnce = 2

class Stopping extends Error {
  constructor() {
    super('The worker stops')
    this.name = 'Stopping'
  }
}

/** Does jobs: those that this worker is asked for, those that wait, and those of workers that died. */
export class JobRunner {
  readonly #deps: Dependencies
  readonly #running = new Set<Promise<void>>()
  readonly #runs = new Set<JobRun>()
  #timer: NodeJS.Timeout | undefined
  #stopping = false
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  start(): void {
    this.#timer ??= setInterval(() => this.wake(), this.#deps.times.lookEveryMs)
    this.#timer.unref()
  }

  /** Looks for something to do, in the background. */
  wake(): void {
    if (this.#stopping || this.#running.size >= mostAtOnce) return
    const working = this.#work()
      .catch((error: unknown) => this.#deps.logger.warn({ err: error }, 'jobs wait'))
      .finally(() => this.#running.delete(working))
    this.#running.add(working)
  }

  /** Ends what goes on where it is; other workers go on with it. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearInterval(this.#timer)
    for (const run of this.#runs) run.stop(new Stopping())
    await Promise.all(this.#running)
  }

  async #work(): Promise<void> {
    const { store, handlers } = this.#deps
    const kinds = handlers.map(({ kind }) => kind)
    while (!this.#stopping) {
      const job = await store.take(kinds)
      if (!job) return
      await this.#attempt(job)
    }
  }

  async #attempt(job: TakenJob): Promise<void> {
    const { store, handlers, logger, times } = this.#deps
    const handler = handlers.find(({ kind }) => kind === job.kind)
    if (!handler) throw new Error(`Nobody does jobs of this kind: ${job.kind}`)
    if (job.attempts > handler.mostAttempts) return this.#end(job, handler, 'failed', new JobFailure('Its workers died')) // it may be the reason
    const run = new JobRun(job, { store, stepMs: times.stepMs })
    this.#runs.add(run)
    const before = performance.now()
    try {
      if (this.#stopping) run.stop(new Stopping())
      await run.finish(handler.work(run))
      await this.#end(job, handler, 'done')
      logger.info({ ...named(job), durationMs: Math.round(performance.now() - before) }, 'a job is done')
    } catch (error) {
      await this.#failed(job, handler, error)
    } finally {
      run.stop(new JobLost()) // what is left of it does no more
      this.#runs.delete(run)
    }
  }

  async #failed(job: TakenJob, handler: JobHandler, error: unknown): Promise<void> {
    const { store, logger, times } = this.#deps
    if (error instanceof JobLost) return logger.warn(named(job), 'a job was taken over, or removed')
    if (error instanceof Stopping) return store.handBack(job)
    const about = { ...named(job), attempts: job.attempts, err: error }
    if (error instanceof JobFailure || job.attempts >= handler.mostAttempts) {
      logger.error(about, 'a job has failed')
      return this.#end(job, handler, 'failed', error)
    }
    const afterMs = Math.min(times.mostPauseMs, times.pauseMs * 2 ** Math.min(job.attempts - 1, 20))
    logger.warn({ ...about, afterMs }, 'a job is tried again')
    await store.retry(job, afterMs, error)
  }

  async #end(job: TakenJob, { endEvent }: JobHandler, status: 'done' | 'failed', error?: unknown): Promise<void> {
    const { store, outbox, source, worker } = this.#deps
    const entry = endEvent && outboxEntry(worker, endEvent, new Date())
    const ended = await store.end(job, status, { ...(entry && { entry }), ...(error !== undefined && { error }) })
    if (ended?.outbox) outbox.publish(source, [ended]) // the sweeper publishes it if this worker dies first
  }
}

const named = ({ _id, kind }: TakenJob) => ({ job: kind, id: _id.toHexString() })
