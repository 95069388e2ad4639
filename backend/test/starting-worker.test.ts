import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setImmediate as aTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { afterwards, anApp } from './support/listening.js'
import { aSecret } from './support/local-storage.js'

const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url))
const deadlineMs = 60_000

/** What the first connection that is not refused is answered. */
const firstAnswer = async (url: string, child: ChildProcess): Promise<{ status: number; body: unknown }> => {
  for (const end = Date.now() + deadlineMs; Date.now() < end && child.exitCode === null; ) {
    const response = await fetch(`${url}/health/ready`).catch(() => aTurn())
    if (response) return { status: response.status, body: await response.json() }
  }
  throw new Error('the worker was never listened on')
}

const startedOver = async (mongoUri: string) => {
  const port = String(await freePort())
  const env = { NODE_ENV: 'development', LOG_LEVEL: 'silent', PORT: port, MONGO_URI: mongoUri, JWT_SECRET: aSecret() }
  const child = spawn(process.execPath, [entry], { env, stdio: 'ignore' })
  afterwards(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  return firstAnswer(`http://127.0.0.1:${port}`, child)
}

it('a worker that starts is not asked before it can answer', async () => {
  const app = await anApp() // its database has its indexes
  expect(await startedOver(app.context.config.mongo.uri)).toEqual({ status: 200, body: { status: 'ready' } })
})

it('a worker whose database stays away says so', async () => {
  expect(await startedOver('mongodb://127.0.0.1:1/none')).toEqual({ status: 503, body: { status: 'starting' } })
})
