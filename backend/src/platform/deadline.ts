/** An awaited thing did not come in time. */
class DeadlineError extends Error {
  constructor(what: string, milliseconds: number) {
    super(`${what} took longer than ${milliseconds} ms`)
    this.name = 'DeadlineError'
  }
}

/** Waits for a promise at most so long. @throws DeadlineError when the time is over; what was begun goes on unheard */
export const withDeadline = <T>(promise: Promise<T>, milliseconds: number, what: string): Promise<T> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DeadlineError(what, milliseconds)), milliseconds)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
