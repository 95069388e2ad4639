import type { EventType } from '../../realtime/catalogue.js'
import type { JobKind } from './model.js'
import type { JobRun } from './run.js'

/** Does jobs of a kind. */
export interface JobHandler {
  readonly kind: JobKind
  /** After so many attempts that failed, or whose worker died, it has failed for good. */
  readonly mostAttempts: number
  /** What is told once it has ended, well or not. */
  readonly endEvent?: EventType
  /**
   * Does it, or goes on where `run.job.state` says. What it does between two calls of `run.save` may be done again, by another worker too,
   * even while this one does it still: a worker that stood still does not know that it was given up.
   * @throws JobFailure where trying again is of no use
   */
  work(run: JobRun): Promise<void>
}

/** It cannot be done, however often it is tried. */
export class JobFailure extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'JobFailure'
  }
}
