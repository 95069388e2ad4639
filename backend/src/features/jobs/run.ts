import type { JobStore, TakenJob } from './store.js'

/** Another worker has it by now, or nobody has it any more. */
export class JobLost extends Error {
  constructor() {
    super('The job is not this attempt’s any more')
    this.name = 'JobLost'
  }
}

class StepTooLong extends Error {
  constructor(milliseconds: number) {
    super(`A step took longer than ${milliseconds} ms`)
    this.name = 'StepTooLong'
  }
}

interface Dependencies {
  readonly store: Pick<JobStore, 'save'>
  /** How long one step may take, in milliseconds: shorter than the lease. */
  readonly stepMs: number
}

/** One attempt at a job: it holds the job from step to step, each of which has a deadline. */
export class JobRun {
  readonly job: TakenJob
  readonly #deps: Dependencies
  readonly #abort = new AbortController()
  #alarm: NodeJS.Timeout | undefined
  constructor(job: TakenJob, deps: Dependencies) {
    this.job = job
    this.#deps = deps
    this.#beginStep()
  }

  /** Aborted when the attempt is over, whatever is still going on in it. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /**
   * Ends a step: writes down where the job has come to, and holds it for another lease.
   * @param progress in percent. @throws JobLost; why the attempt is over
   */
  async save(state: unknown, progress: number): Promise<void> {
    this.signal.throwIfAborted()
    if (!(await this.#deps.store.save(this.job, state, progress))) throw new JobLost()
    this.signal.throwIfAborted()
    this.#beginStep()
  }

  /** Waits for the work. @throws what it throws; why the attempt is over, with the work going on unheard until it asks */
  async finish(work: Promise<void>): Promise<void> {
    const over = new Promise<never>((_resolve, reject) => {
      this.signal.addEventListener('abort', () => reject(this.signal.reason), { once: true })
    })
    try {
      await Promise.race([work, over])
    } finally {
      clearTimeout(this.#alarm)
    }
  }

  stop(reason: Error): void {
    clearTimeout(this.#alarm)
    this.#abort.abort(reason)
  }

  #beginStep(): void {
    const { stepMs } = this.#deps
    clearTimeout(this.#alarm)
    this.#alarm = setTimeout(() => this.stop(new StepTooLong(stepMs)), stepMs)
    this.#alarm.unref()
  }
}
