import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Nginx, startNginx } from '../support/nginx.js'
import { Load } from './load.js'
import { aMachine, type Machine } from './machine.js'
import { broughtMigration, leftBehind, versions } from './next-release.js'
import { stepsBelow, takeSteps } from './steps.js'
import { Units } from './units.js'

const { former, next } = versions
let machine: Machine
let units: Units
let nginx: Nginx
let load: Load

beforeAll(async () => {
  machine = await aMachine(2)
  await machine.program('heliograph', 'migrate')
  units = new Units({ ...machine, folder: join(machine.folder, 'heliograph') })
  await units.start()
  nginx = await startNginx(...machine.ports)
  load = await Load.begin(nginx, `http://127.0.0.1:${machine.ports[0]}`, machine.database)
}, 240_000)
afterAll(async () => {
  await load?.close()
  await nginx?.stop()
  await units?.stop()
  await machine?.remove()
}, 120_000)

const versionAt = async (port: number): Promise<unknown> => {
  const health: unknown = await (await fetch(`http://127.0.0.1:${port}/health`)).json()
  return health instanceof Object && 'version' in health ? health.version : undefined
}
const serving = () => Promise.all(machine.ports.map(versionAt))
const exchange = (from: string, to: string) => {
  const steps = `${stepsBelow('Exchange the folders')}\n${stepsBelow('Under systemd')}`
  return takeSteps(steps, { ...machine, programs: { systemctl: units.systemctl } }, from, to)
}

describe('two workers behind nginx, under load', () => {
  it('are replaced by a next release, by this one again, and by the next: nothing is lost, no request fails, no stream has to fetch', async () => {
    const mixtures: unknown[][] = []
    const noteMixture = async (): Promise<void> => {
      mixtures.push(await serving())
      await load.goesOn() // each mixture has its share
    }
    units.beforeStop = async () => {
      await noteMixture()
      return 'SIGTERM'
    }
    expect(await machine.program(`heliograph-${next}`, 'migrate')).toContain(`${broughtMigration}: done`)
    await exchange(former, next)

    // The last worker of the next release stores something, and dies before it has told it.
    units.beforeStop = async (port) => {
      await noteMixture()
      if (port !== machine.ports[1]) return 'SIGTERM'
      await load.leaveBehind(`http://127.0.0.1:${port}`, leftBehind)
      return 'SIGKILL'
    }
    await exchange(next, former)
    await load.hasTold(leftBehind)
    expect(await machine.program('heliograph', 'migrate')).toContain('it was migrated by a newer version, too')
    expect(await machine.program('heliograph', 'admin', 'check')).toContain(': 0 differences')

    units.beforeStop = async () => {
      await noteMixture()
      return 'SIGTERM'
    }
    await exchange(former, next)
    await noteMixture()
    expect(mixtures).toEqual([
      [former, former],
      [next, former],
      [next, next],
      [former, next],
      [former, former],
      [next, former],
      [next, next],
    ])

    await load.end()
    console.log(load.summary())
    await load.expectNothingLost()
    await load.expectOutboxesEmpty()
    expect(await machine.program('heliograph', 'admin', 'check')).toContain(': 0 differences')
  }, 600_000)
})
