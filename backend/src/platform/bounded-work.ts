/** More work waits already than may. */
export class OverloadedError extends Error {
  constructor(what: string) {
    super(`Too much ${what} is waiting`)
    this.name = 'OverloadedError'
  }
}

interface Bounds {
  /** For errors. */
  readonly what: string
  readonly mostAtOnce: number
  readonly mostWaiting: number
  /** Waiting included. */
  readonly deadlineMs: number
}

/** Does tasks, so many at once, in the order they came; what comes while too many wait is refused. */
export class BoundedWork {
  readonly #bounds: Bounds
  readonly #waiting: (() => void)[] = []
  readonly #unsettled = new Set<Promise<unknown>>()
  #running = 0
  constructor(bounds: Bounds) {
    this.#bounds = bounds
  }

  /**
   * @param task ends, with an error, when its signal is aborted: that is its deadline
   * @throws OverloadedError; what the task throws; a TimeoutError where its turn never came
   */
  run<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#waiting.length >= this.#bounds.mostWaiting) return Promise.reject(new OverloadedError(this.#bounds.what))
    const work = this.#inTurn(task, AbortSignal.timeout(this.#bounds.deadlineMs))
    const settled = work.catch(() => undefined).finally(() => this.#unsettled.delete(settled))
    this.#unsettled.add(settled)
    return work
  }

  get isIdle(): boolean {
    return this.#unsettled.size === 0
  }

  /** Resolves when what has come until now is done, or has failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#unsettled)
  }

  async #inTurn<T>(task: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#running < this.#bounds.mostAtOnce) this.#running += 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve)) // whoever ends hands over their place
    try {
      signal.throwIfAborted()
      return await task(signal)
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running -= 1
    }
  }
}
