import { setTimeout as delay } from 'node:timers/promises'

/** Asks again until the answer is true. @throws Error after the deadline, naming what was awaited */
export const until = async (what: string, condition: () => boolean | Promise<boolean>, deadlineMs = 10_000): Promise<void> => {
  const deadline = Date.now() + deadlineMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what}: not in ${deadlineMs} ms`)
    await delay(10)
  }
}
