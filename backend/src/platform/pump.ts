/** Runs turns of work one after another while there is work; woken when there may be some. */
export class Pump {
  readonly #hasWork: () => boolean
  readonly #turn: () => Promise<void>
  #running: Promise<void> | undefined
  /** @param turn takes some of the work and never throws */
  constructor(hasWork: () => boolean, turn: () => Promise<void>) {
    this.#hasWork = hasWork
    this.#turn = turn
  }

  wake(): void {
    this.#running ??= this.#run()
  }

  /** Resolves when there is no work any more. */
  async settled(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    await Promise.resolve() // what comes in the same turn of the event loop belongs to the first turn of work
    while (this.#hasWork()) await this.#turn()
    this.#running = undefined // in one go with the last look: who adds work later must find nothing running
  }
}
