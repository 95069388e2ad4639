import { setTimeout as delay } from 'node:timers/promises'

/**
 * Waits for a promise, but not for ever.
 * @throws Error `<what> took longer than <seconds> s`
 */
export const within = async <T>(seconds: number, what: string, promise: Promise<T>): Promise<T> => {
  const controller = new AbortController()
  const alarm = delay(seconds * 1000, undefined, { signal: controller.signal }).then(
    () => {
      throw new Error(`${what} took longer than ${seconds} s`)
    },
    () => new Promise<never>(() => {}),
  )
  try {
    return await Promise.race([promise, alarm])
  } finally {
    controller.abort()
  }
}

/**
 * Asks again and again, every `everyMilliseconds`, until the answer is true.
 * @returns whether it became true within the deadline
 */
export const becomesTrue = async (
  seconds: number,
  condition: () => boolean | Promise<boolean>,
  everyMilliseconds = 25,
): Promise<boolean> => {
  const end = Date.now() + seconds * 1000
  while (!(await condition())) {
    if (Date.now() > end) return false
    await delay(everyMilliseconds)
  }
  return true
}
