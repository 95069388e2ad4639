import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { becomesTrue } from '../../../dev/services/deadline.js'
import { type Supervised, supervise } from '../../../dev/services/supervise.js'
import { type Nginx, startNginx } from '../support/nginx.js'
import { Load } from './load.js'
import { aMachine, type Machine } from './machine.js'
import { versions } from './next-release.js'
import { stepsBelow, takeSteps } from './steps.js'

const { former, next } = versions
const pm2Runtime = createRequire(import.meta.url).resolve('pm2/bin/pm2-runtime')
const workers = 2
const readyDeadlineSeconds = 60
const Health = z.object({ status: z.string(), worker: z.string(), version: z.string() })
let machine: Machine
let processes: Supervised
let nginx: Nginx
let load: Load
let environment: Record<string, string>

/** PM2 deals connections out in turn; undefined where nobody answers. */
const healthAt = async (origin: string) => {
  const answer = await fetch(`${origin}/health`, { headers: { connection: 'close' } }).catch(() => undefined)
  return answer && Health.parse(await answer.json())
}

beforeAll(async () => {
  machine = await aMachine(1)
  const origin = `http://127.0.0.1:${machine.ports[0]}`
  await machine.program(`heliograph-${next}`, 'migrate')
  environment = {
    ...machine.environment,
    PORT: String(machine.ports[0]),
    WORKERS: String(workers),
    PM2_HOME: join(machine.folder, 'pm2'),
    LOG_DIR: join(machine.folder, 'logs'),
  }
  processes = await supervise({
    command: process.execPath,
    arguments: [pm2Runtime, 'start', join(machine.folder, 'heliograph/ecosystem.config.js')],
    environment,
    stopDeadlineSeconds: 40,
    output: { file: machine.logFile },
  })
  const healthy = new Set<unknown>()
  const allServe = async () => {
    const health = await healthAt(origin)
    if (health?.status === 'healthy') healthy.add(health.worker)
    return healthy.size === workers
  }
  if (!(await becomesTrue(readyDeadlineSeconds, allServe, 50))) throw new Error(readFileSync(machine.logFile, 'utf8').slice(-4000))
  nginx = await startNginx(...machine.ports)
  load = await Load.begin(nginx, origin, machine.database)
}, 240_000)
afterAll(async () => {
  await load?.close()
  await nginx?.stop()
  await processes?.stop()
  await machine?.remove()
}, 120_000)

it('workers under PM2 are replaced by a next release and by this one again: nothing is lost, no request fails', async () => {
  const origin = `http://127.0.0.1:${machine.ports[0]}`
  const steps = `${stepsBelow('Exchange the folders')}\n${stepsBelow('Under PM2')}`
  const serving = async () => new Set(await Promise.all(Array.from({ length: 4 * workers }, async () => (await healthAt(origin))?.version)))
  await load.goesOn()
  for (const [from, to] of [
    [former, next],
    [next, former],
  ] as const) {
    await takeSteps(steps, { ...machine, environment, programs: {} }, from, to)
    expect(await serving()).toEqual(new Set([to]))
    await load.goesOn()
  }
  await load.end()
  console.log(load.summary())
  await load.expectNothingLost()
}, 600_000)
