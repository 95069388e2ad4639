import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import { freePort } from '../../../dev/services/free-port.js'
import { aSecret } from './local-storage.js'

const entry = fileURLToPath(new URL('../../dist/index.js', import.meta.url))
const deadline = { timeout: 60_000 }
/** Throws outside of everything when it is told to. */
const crashing = `process.on('message', () => setImmediate(() => { throw new Error('out of the blue') }))`

/** The built server as a process of its own, without a database: what it asks of one is refused. */
export interface ServerProcess {
  readonly pid: number
  /** Has it answer a request of this id, whatever it answers; its line is as long as the path. */
  answer(requestId: string, path?: string): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Has it throw what nobody catches. */
  crash(): void
  /** Its exit code and the signal that ended it. */
  readonly ended: Promise<readonly [number | null, NodeJS.Signals | null]>
  /** What it said on the standard error. */
  readonly errors: () => string
}

interface Options {
  /** A descriptor for the standard output. */
  readonly output?: number
}

/** Starts it, and kills it when the test has finished. */
export const aServerProcess = async (settings: Readonly<Record<string, string>>, { output }: Options = {}): Promise<ServerProcess> => {
  const port = String(await freePort())
  const child: ChildProcess = spawn(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(crashing)}`, entry], {
    env: { NODE_ENV: 'test', PORT: port, MONGO_URI: 'mongodb://127.0.0.1:1/none', JWT_SECRET: aSecret(), ...settings },
    stdio: ['ignore', output ?? 'ignore', 'pipe', 'ipc'],
  })
  let errors = ''
  child.stderr?.on('data', (bytes: Buffer) => {
    errors += bytes.toString()
  })
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const url = `http://127.0.0.1:${port}`
  await expect.poll(async () => (await fetch(`${url}/health/live`).catch(() => undefined))?.status, deadline).toBe(200)
  return {
    pid: child.pid ?? 0,
    async answer(requestId, path = '/nowhere') {
      const response = await fetch(`${url}${path}`, { headers: { 'X-Request-Id': requestId } })
      await response.body?.cancel()
    },
    signal: (signal) => void child.kill(signal),
    crash: () => void child.send('crash'),
    ended,
    errors: () => errors,
  }
}
