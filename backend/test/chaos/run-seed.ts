import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { within } from '../../../dev/services/deadline.js'
import { Api } from './clients/api.js'
import type { Device } from './clients/device.js'
import { aCrowd, act, beginConversations, misbehave } from './crowd.js'
import { type DoneFault, planFaults, strike } from './faults/schedule.js'
import { Findings } from './findings.js'
import { Ledger } from './ledger.js'
import { evidenceOf } from './oracle/evidence.js'
import { settle } from './oracle/settle.js'
import { Random } from './random.js'
import type { Person, Scene } from './scene.js'
import type { World } from './world.js'

export interface SeedSetting {
  readonly seed: number
  /** How long people act, at least: as long as something is still to be broken. */
  readonly minutes: number
  readonly people: number
  readonly devicesOfEach: number
  /** How many times something breaks. */
  readonly steps: number
  /** Which faults alone; all where it is empty. */
  readonly faultNames: readonly string[]
  /** Whether to wait at the end until nothing is left to be told. */
  readonly outboxes: boolean
  /** Told what happens, as it does. */
  readonly progress: (line: string) => void
}

export interface SeedResult {
  readonly seed: number
  readonly faults: readonly DoneFault[]
  readonly ledger: Ledger
  readonly findings: Findings
  readonly people: readonly Person[]
  readonly outcomes: ReadonlyMap<string, number>
  /** What the services held of the conversations in which something is wrong. */
  readonly evidence: readonly string[]
  readonly settledAfterMs: number
  readonly seconds: number
}

/** More than is told of a conversation in a minute, after which nothing is told again. */
const enoughLogEntries = 1000
const finishDeadlineSeconds = 60
const liveDeadlineSeconds = 30
/** Longer than the margin for clocks within which a conversation counts as new, and is fetched rather than replayed. */
const leadMs = 11_000

/** One run: people act, clients come and go, things break as the seed says; then all that was promised is looked for. */
export const runSeed = async (world: World, setting: SeedSetting): Promise<SeedResult> => {
  const from = Date.now()
  const random = new Random(`seed ${setting.seed}`)
  const [ledger, findings] = [new Ledger(), new Findings()]
  const api = new Api(world.workers.origins, new Random(`routing ${setting.seed}`), (what) => findings.add({ kind: 'error', what }))
  const logRemembers = world.kind.logEntries >= enoughLogEntries
  const people = await aCrowd({ api, findings, ledger, logRemembers, size: setting.people, devicesOfEach: setting.devicesOfEach })
  const devices = people.flatMap((person) => person.devices)
  const [load, over] = [new AbortController(), new AbortController()]
  setMaxListeners(0, load.signal, over.signal)
  const scene: Scene = { people, ledger, findings, api, signal: over.signal }
  const streams = devices.map((device) => device.run(over.signal))
  try {
    await allLive(devices)
    await beginConversations(scene, random.fork('conversations'))
    const steps = planFaults(random.fork('faults'), world.kind, { steps: setting.steps, names: setting.faultNames })
    const acting = Promise.all(people.map((person) => act(scene, person, random.fork(`person ${person.name}`), load.signal)))
    acting.catch(() => undefined) // awaited below, or the run has failed before
    await sleep(leadMs)
    const misbehaving = devices.map((device) => misbehave(device, random.fork(`device ${device.name}`), load.signal))
    const timer = sleep(setting.minutes * 60_000)
    const faults = await strike(steps, { world, ledger, progress: setting.progress })
    await timer
    load.abort()
    setting.progress('the load ends')
    await world.healed()
    const finished = within(finishDeadlineSeconds, 'finishing what was begun', Promise.all([acting, ...misbehaving]))
    await finished.catch((error: unknown) => findings.add({ kind: 'stuck', what: String(error) }))
    const { settledAfterMs } = await settle({ database: world.database, ledger, people, api, findings }, setting)
    const evidence = findings.violations.length === 0 ? [] : await evidenceOf(world, findings.violations)
    const seconds = (Date.now() - from) / 1000
    return { evidence, seed: setting.seed, faults, ledger, findings, people, outcomes: api.outcomes, settledAfterMs, seconds }
  } finally {
    load.abort()
    over.abort()
    await Promise.allSettled(streams)
    await api.close()
  }
}

const allLive = async (devices: readonly Device[]): Promise<void> => {
  const end = Date.now() + liveDeadlineSeconds * 1000
  while (!devices.every(({ isLive }) => isLive)) {
    if (Date.now() > end) throw new Error('The clients did not all come to be live before anything was broken')
    await sleep(20)
  }
}
