/** What must be stopped at the end, the last opened first; each once, however often the end is asked for. */
export class Closing {
  readonly #steps: (() => Promise<void> | void)[] = []
  #done: Promise<void> | undefined

  add(step: () => Promise<void> | void): void {
    this.#steps.push(step)
  }

  /** Goes through all steps; one that fails does not keep the others from being done. */
  close(): Promise<void> {
    this.#done ??= this.#closeAll()
    return this.#done
  }

  async #closeAll(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step()
      } catch (error) {
        console.error(error instanceof Error ? error.message : error)
      }
    }
  }
}
