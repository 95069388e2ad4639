import { setTimeout as delay } from 'node:timers/promises'
import { type Postmaster, type PostmasterOptions, startPostmaster } from './postmaster.js'

const restartsAllowed = 10
const restartWindowMs = 60_000
const pauseMs = 50

/** Keeps Postgres running: one that ends unasked is started again, at most ten times a minute; then it gives up. */
export class SupervisedPostgres {
  readonly #options: PostmasterOptions
  #running: Postmaster
  #stopping = false
  #watch: Promise<void>

  private constructor(options: PostmasterOptions, running: Postmaster, givenUp: (error: Error) => void) {
    this.#options = options
    this.#running = running
    this.#watch = this.#keepRunning().catch((error: unknown) => {
      if (!this.#stopping) givenUp(error instanceof Error ? error : new Error(String(error)))
    })
  }

  /** @throws Error if it does not start the first time */
  static async start(options: PostmasterOptions, givenUp: (error: Error) => void): Promise<SupervisedPostgres> {
    return new SupervisedPostgres(options, await startPostmaster(options), givenUp)
  }

  async #keepRunning(): Promise<void> {
    let restarts: number[] = []
    for (;;) {
      await this.#running.exited
      if (this.#stopping) return
      restarts = [...restarts.filter((at) => at > Date.now() - restartWindowMs), Date.now()]
      if (restarts.length > restartsAllowed) throw new Error(`Postgres ended ${restarts.length} times within a minute`)
      await delay(pauseMs)
      this.#running = await startPostmaster(this.#options)
      if (this.#stopping) await this.#running.stop()
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running.stop()
    await this.#watch
  }
}
