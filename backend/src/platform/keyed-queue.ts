/** Runs tasks that share a key one after another; tasks of different keys go at once. */
export class KeyedQueue {
  readonly #mostWaiting: number
  readonly #queues = new Map<string, { last: Promise<unknown>; waiting: number }>()
  constructor(options: { mostWaiting: number }) {
    this.#mostWaiting = options.mostWaiting
  }

  /** @returns undefined, and runs nothing, where too many wait for the same key */
  run<T>(key: string, task: () => Promise<T>): Promise<T> | undefined {
    const queue = this.#queues.get(key) ?? { last: Promise.resolve(), waiting: 0 }
    if (queue.waiting >= this.#mostWaiting) return undefined
    this.#queues.set(key, queue)
    queue.waiting += 1
    const running = queue.last.then(task, task).finally(() => {
      queue.waiting -= 1
      if (queue.waiting === 0) this.#queues.delete(key)
    })
    queue.last = running.catch(() => undefined)
    return running
  }
}
