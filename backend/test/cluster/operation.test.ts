import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { freePort } from '../../../dev/services/free-port.js'
import { projectFolder } from '../../../dev/services/project.js'
import { temporaryFolder } from '../../../dev/services/temporary-folder.js'
import { parserOf } from '../support/fluent-bit.js'
import { aLogrotate } from '../support/logrotate.js'
import { idsIn, linesOf, rotationsOf } from '../support/logs.js'
import { type Cluster, startCluster } from './cluster.js'
import { actionsAt, type Message, type Person } from './person.js'

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const pauseOfSenderMs = 50
const folder = temporaryFolder()
const leaking = join(folder.path, 'leaking')
/** A worker prints something at SIGWINCH, and at SIGHUP has a promise that nobody catches. One whose process id is in the file grows by 10 MB every 50 ms, by 500 MB in all: more than MAX_MEMORY_RESTART, and not more than a machine has. */
const leak = `
  const { readFileSync } = require('node:fs')
  const kept = []
  const idOf = () => { try { return readFileSync(${JSON.stringify(leaking)}, 'utf8') } catch { return '' } }
  setInterval(() => {
    if (kept.length >= 50 || idOf() !== String(process.pid)) return
    if (kept.length === 0) console.error('memory is leaking')
    kept.push(Buffer.alloc(10_000_000, 1))
  }, 50).unref()
  process.on('SIGWINCH', () => console.log('beside the log'))
  process.on('SIGHUP', () => void Promise.reject(new Error('rejected, and caught by nobody')))`

let cluster: Cluster
let metricsPort: number
let actions: ReturnType<typeof actionsAt>

/** @returns the first of two in a row */
const twoFreePorts = async (): Promise<number> => {
  for (let port = await freePort(); ; ) {
    const next = await freePort()
    if (next === port + 1) return port
    port = next
  }
}

beforeAll(async () => {
  metricsPort = await twoFreePorts()
  const module = join(folder.path, 'leak.cjs')
  writeFileSync(module, leak)
  const generous = '100000/min'
  const limits = Object.fromEntries(['REGISTER', 'MESSAGES', 'API', 'ANONYMOUS'].map((row) => [`LIMIT_${row}`, generous]))
  const settings = {
    ...limits,
    PHONE_VERIFICATION: 'optional',
    UPLOAD_DIR: join(folder.path, 'uploads'),
    METRICS_PORT: String(metricsPort),
    MAX_MEMORY_RESTART: '400M',
    PM2_WORKER_INTERVAL: '500', // in milliseconds: how often PM2 looks at the memory
    NODE_OPTIONS: `--require ${module}`,
  }
  cluster = await startCluster(2, settings, { production: true })
  actions = actionsAt(cluster.origin)
}, 120_000)
afterAll(async () => {
  await cluster?.stop()
  folder.remove()
}, 60_000)

const logPath = () => join(cluster.logs, 'chat-api.log')

it('PM2’s workers write their log into LOG_DIR, all of it and nothing else there', async () => {
  const pids = await cluster.pids()
  const listening = () => linesOf(logPath()).filter(({ msg }) => msg === 'listening')
  expect(new Set(listening().map(({ pid }) => pid))).toEqual(new Set(pids))
  expect(new Set(listening().map(({ worker }) => worker))).toEqual(new Set(['0', '1']))
  const client = await cluster.connectTo('1')
  await client.request({ method: 'GET', path: '/nowhere', headers: { 'x-request-id': 'into-the-log' } })
  await expect.poll(() => idsIn(logPath())).toContain('into-the-log')
  await client.destroy()
  expect(readFileSync(join(cluster.logs, 'chat-api.out.log'), 'utf8')).toBe('')
})

it('each of PM2’s workers answers for its own metrics', async () => {
  const asked = [3, 5]
  for (const [worker, count] of asked.entries()) {
    const client = await cluster.connectTo(String(worker))
    for (const _ of upTo(count)) await (await client.request({ method: 'GET', path: '/api/v1/config' })).body.dump()
    await client.close()
  }
  const countedBy = async (worker: number): Promise<number> => {
    const { statusCode, body } = await request(`http://127.0.0.1:${metricsPort + worker}/metrics`)
    const metrics = await body.text()
    expect(statusCode, metrics).toBe(200)
    return Number(/^http_requests_total\{method="GET",route="\/api\/v1\/config",status_code="200"\} (\d+)$/m.exec(metrics)?.[1])
  }
  expect(await Promise.all([0, 1].map(countedBy))).toEqual(asked)
})

it('PM2’s workers are asked for their metrics where nothing else is set, too', () => {
  const Ecosystem = z.object({ apps: z.tuple([z.object({ env_production: z.object({ METRICS_PORT: z.string() }) })]) })
  const [app] = Ecosystem.parse(createRequire(import.meta.url)(join(projectFolder, 'ecosystem.config.js'))).apps
  const prometheus = readFileSync(join(projectFolder, 'deploy/monitoring/prometheus.yml'), 'utf8')
  expect(prometheus).toContain(`targets: ['127.0.0.1:${app.env_production.METRICS_PORT}', `)
})

it('logrotate beside PM2’s workers loses no line, and has PM2 open its own files anew', async () => {
  const logrotate = aLogrotate(folder.path, { logs: cluster.logs, pm2Home: cluster.folder })
  const [pid = 0] = await cluster.pids()
  const outPath = join(cluster.logs, 'chat-api.out.log')
  const printed = () =>
    expect
      .poll(() => {
        process.kill(pid, 'SIGWINCH') // makes the worker print a line
        return existsSync(outPath) && readFileSync(outPath, 'utf8')
      })
      .toMatch(/: beside the log$/m) // PM2 prints lines of its own there
  await printed()
  const agent = new Agent({ connections: 4 })
  const rotated = new AbortController()
  const ids: string[] = []
  const ask = async (sender: number) => {
    for (let n = 0; !rotated.signal.aborted; n++) {
      const requestId = `rotating-${sender}-${n}`
      const { body } = await request(`${cluster.origin}/nowhere`, { dispatcher: agent, headers: { 'x-request-id': requestId } })
      await body.dump()
      ids.push(requestId)
    }
  }
  const asking = Promise.all([1, 2, 3, 4].map(ask))
  onTestFinished(async () => {
    rotated.abort()
    await asking.catch(() => undefined)
    await agent.destroy()
  })
  for (const _ of upTo(2)) {
    const { code, stdout, stderr } = await logrotate.force()
    expect({ code, failed: /^error/m.test(`${stdout}${stderr}`) }, stderr).toEqual({ code: 0, failed: false })
    const workers = () => new Set(linesOf(logPath()).map(({ pid }) => pid)).size
    await expect.poll(() => existsSync(logPath()) && workers()).toBe(2)
    await printed()
  }
  rotated.abort()
  await asking
  const logged = () => idsIn(...rotationsOf(cluster.logs, 'chat-api.log')).filter((id) => id.startsWith('rotating-'))
  await expect.poll(() => logged().length).toBe(ids.length)
  expect(new Set(logged())).toEqual(new Set(ids))
})

it('a promise that nobody catches is told in the log and ends a worker of PM2’s, which starts another', async () => {
  const [, pid = 0] = await cluster.pids()
  process.kill(pid, 'SIGHUP')
  await expect.poll(() => linesOf(logPath()).findLast((line) => line.pid === pid)?.msg).toBe('nobody caught this')
  await expect.poll(async () => new Set(await cluster.pids()), { timeout: 60_000, interval: 500 }).not.toContain(pid)
  await cluster.ready()
}, 120_000)

it('PM2 replaces a worker whose memory leaks: no request fails, no acknowledged message is lost, and the other stays', async () => {
  const agent = new Agent({ connections: 4 })
  onTestFinished(() => agent.destroy())
  const ann = await actions.register(agent, 'Ann')
  const bob = await actions.register(agent, 'Bob')
  const conversationId = await actions.startDirect(agent, ann, bob)
  const before = await cluster.pids()

  const replaced = new AbortController()
  const acknowledged: Message[] = []
  const sendUntilReplaced = async (from: Person) => {
    while (!replaced.signal.aborted) {
      acknowledged.push(await actions.send(agent, from, conversationId, `message ${acknowledged.length}`))
      await sleep(pauseOfSenderMs)
    }
  }
  const load = Promise.all([ann, bob, ann, bob].map(sendUntilReplaced))
  const begunAt = Date.now()
  writeFileSync(leaking, String(before[0]))
  const gone = expect.poll(() => cluster.pids(), { timeout: 60_000, interval: 500 }).not.toContain(before[0])
  await Promise.race([gone, load]) // the load ends first only by failing
  replaced.abort()
  await load

  const after = await cluster.pids()
  expect(after).toHaveLength(2)
  expect(after[1]).toBe(before[1])
  const stored = await actions.history(agent, ann, conversationId)
  expect(stored.map(({ seq }) => seq)).toEqual(upTo(stored.length))
  expect(new Set(stored.map(({ id }) => id))).toEqual(new Set(acknowledged.map(({ id }) => id)))
  expect(readFileSync(join(cluster.folder, 'pm2-runtime.log'), 'utf8')).toContain('exceeds --max-memory-restart')

  const said = readFileSync(join(cluster.logs, 'chat-api.error.log'), 'utf8').trimEnd().split('\n').map(parserOf('pm2'))
  const leakTold = said.find(({ fields }) => fields['msg'] === 'memory is leaking')
  expect(leakTold?.time).toBeGreaterThanOrEqual(begunAt)
  expect(leakTold?.time).toBeLessThanOrEqual(Date.now())
}, 120_000)
