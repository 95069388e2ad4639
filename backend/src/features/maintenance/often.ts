import type { Logger } from '../../platform/logger.js'
import type { Leases } from '../../realtime/leases.js'
import type { Job } from './job.js'

interface Dependencies {
  readonly job: Job
  readonly leases: Pick<Leases, 'hold'>
  readonly logger: Logger
  readonly everyMs?: number
}

const defaultEveryMs = 10_000

/**
 * Does a job every 10 s, one worker at a time; another one takes over 15 s after a worker has died. So what is due is done within half a minute,
 * and a minute is what is promised.
 */
export class Often {
  readonly #deps: Dependencies
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #stopping = false
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  start(): void {
    const { job, logger, everyMs = defaultEveryMs } = this.#deps
    this.#timer ??= setInterval(() => {
      this.#running ??= this.run()
        .then(() => undefined)
        .catch((error: unknown) => logger.warn({ err: error, job: job.name }, 'a job failed'))
        .finally(() => {
          this.#running = undefined
        })
    }, everyMs).unref()
  }

  /** Stops after the batch that is being done. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearInterval(this.#timer)
    await this.#running
  }

  /** @returns how much was done: 0 where it is another worker's */
  async run(): Promise<number> {
    const { job, leases, logger } = this.#deps
    const goOn = async () => !this.#stopping && leases.hold(`job:${job.name}`)
    if (!(await goOn())) return 0
    const done = await job.run(goOn)
    if (done > 0) logger.info({ job: job.name, done }, 'done')
    return done
  }
}
