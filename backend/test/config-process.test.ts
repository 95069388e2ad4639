import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, it } from 'vitest'

const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url))
const deadlineMs = 30_000

/** What starts it as PM2 does, and ends as it ends. */
const inACluster = `
  const cluster = require('node:cluster')
  cluster.setupPrimary({ exec: ${JSON.stringify(entry)}, execArgv: [] })
  cluster.fork().on('exit', (code) => process.exit(code ?? 2))`

/** Starts the built server in an environment of its own, and waits until it ends. */
const runToItsEnd = async (environment: Record<string, string>, words: readonly string[] = [entry]) => {
  const before = performance.now()
  const child = spawn(process.execPath, words, { env: environment, timeout: deadlineMs, stdio: ['ignore', 'pipe', 'pipe'] })
  const [output, errors, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { exitCode, output, errors, milliseconds: Math.round(performance.now() - before) }
}

describe('the server as a process', () => {
  it('ends at once with a faulty configuration: every fault on stderr, exit code 1, nothing opened', async () => {
    const ended = await runToItsEnd({ NODE_ENV: 'production', PORT: 'http', JWT_SECRET: 'tiny-Xq81', LIMIT_API: 'often' })
    console.log(`a faulty configuration is told in ${ended.milliseconds} ms`)
    expect(ended).toMatchObject({ exitCode: 1, output: '' })
    expect(ended.errors).toMatch(/^The configuration has 4 faults:\n/)
    for (const name of ['PORT', 'JWT_SECRET', 'LIMIT_API', 'MONGO_URI']) expect(ended.errors).toContain(`\n  ${name}: `)
    expect(ended.errors).not.toMatch(/Xq81|\n {4}at /)
  })

  it.each([
    ['alone', [entry]],
    ['in a cluster', ['--eval', inACluster]],
  ])('says in one line that its port is taken, and ends with 1: %s', async (_, words) => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const secret = randomBytes(32).toString('hex')
    const services = { MONGO_URI: inject('mongoUrl'), REDIS_URL: inject('redisUrl') }
    const ended = await runToItsEnd({ PORT: String(port), JWT_SECRET: secret, ...services, LOG_LEVEL: 'silent' }, words)
    taken.close()
    await once(taken, 'close')
    expect(ended).toMatchObject({ exitCode: 1, output: '' })
    expect(ended.errors).toMatch(new RegExp(`^[^\\n]*EADDRINUSE[^\\n]*${port}[^\\n]*\\n$`))
  })
})
