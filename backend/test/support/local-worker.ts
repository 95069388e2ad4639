import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import { z } from 'zod'
import { freePort } from '../../../dev/services/free-port.js'

const entry = fileURLToPath(new URL('../../dist/index.js', import.meta.url))
const deadline = { timeout: 60_000 }
const lookEveryMs = 2

/** Looks at a process from within; answers, when it is asked, the most since it was asked last. */
const watching = `
  const most = { arrayBuffers: 0, rss: 0 }
  const look = () => {
    const now = process.memoryUsage()
    for (const name of Object.keys(most)) most[name] = Math.max(most[name], now[name])
  }
  setInterval(look, ${lookEveryMs})
  process.on('message', () => {
    look()
    process.send({ most })
    for (const name of Object.keys(most)) most[name] = 0
  })`

const Memory = z.object({ most: z.object({ arrayBuffers: z.number(), rss: z.number() }) })

export interface LocalWorker {
  readonly url: string
  /** Ends it as a crash does. */
  kill(): Promise<void>
  /** In bytes: the most since this was asked last; asked again at once, what it is now. */
  takeMemory(): Promise<{ arrayBuffers: number; rss: number }>
}

/** A worker of its own process, which is killed when the test has finished. */
export const aLocalWorker = async (settings: Readonly<Record<string, string>>): Promise<LocalWorker> => {
  const port = String(await freePort())
  const child = spawn(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(watching)}`, entry], {
    env: { NODE_ENV: 'development', LOG_LEVEL: 'silent', PORT: port, ...settings },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const kill = async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  onTestFinished(kill)
  const url = `http://127.0.0.1:${port}`
  await expect.poll(async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.status, deadline).toBe(200)
  return {
    url,
    kill,
    async takeMemory() {
      const answered = new Promise<unknown>((resolve) => {
        const hear = (message: unknown) => {
          if (!Memory.safeParse(message).success) return // `ready`
          child.off('message', hear)
          resolve(message)
        }
        child.on('message', hear)
      })
      child.send('memory')
      return Memory.parse(await answered).most
    },
  }
}
