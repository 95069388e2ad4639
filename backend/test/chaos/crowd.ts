import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { beginConversation } from './actions/begin-group.js'
import { actions } from './actions/table.js'
import type { Api } from './clients/api.js'
import { openConnection } from './clients/connection.js'
import { Device } from './clients/device.js'
import { openEventSource } from './clients/event-source-connection.js'
import type { Findings } from './findings.js'
import type { Ledger } from './ledger.js'
import type { Random } from './random.js'
import type { Person, Scene } from './scene.js'

const SignedIn = z.object({ user: z.object({ id: z.string() }), accessToken: z.string() })
const registerDeadlineMs = 60_000
const atOnce = 4

export interface CrowdSetting {
  readonly api: Api
  readonly findings: Findings
  readonly ledger: Ledger
  readonly logRemembers: boolean
  readonly size: number
  readonly devicesOfEach: number
}

/** Registers so many people, a few at a time: each costs a password hash. */
export const aCrowd = async (setting: CrowdSetting): Promise<Person[]> => {
  const people: Person[] = []
  const names = Array.from({ length: setting.size }, (_, n) => `P${n + 1}`)
  const registerNext = async (): Promise<void> => {
    for (let name = names.shift(); name !== undefined; name = names.shift()) people.push(await register(setting, name))
  }
  await Promise.all(Array.from({ length: atOnce }, registerNext))
  return people.toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
}

const register = async ({ api, findings, ledger, logRemembers, devicesOfEach }: CrowdSetting, name: string): Promise<Person> => {
  const [phone, password] = [`+4915${randomInt(1e8, 1e9)}`, `A long password ${randomUUID()}`]
  const signal = AbortSignal.timeout(registerDeadlineMs)
  let answer = await api.call({ method: 'POST', path: '/auth/register', body: { phone, password, name } }, signal)
  if (answer.status === 409) answer = await api.call({ method: 'POST', path: '/auth/login', body: { phone, password } }, signal) // an answer was lost
  if (answer.status !== 201 && answer.status !== 200)
    throw new Error(`${name} could not register: ${answer.status} ${JSON.stringify(answer.body)}`)
  const { user, accessToken } = SignedIn.parse(answer.body)
  const own = { userId: user.id, token: accessToken, api, findings, restores: ledger.restores, logRemembers }
  const transports = [openConnection, openEventSource]
  const devices = Array.from({ length: devicesOfEach }, (_, n) => {
    return new Device({ name: `${name}.${n + 1}`, open: transports[n % transports.length] ?? openConnection, ...own })
  })
  return { id: user.id, name, token: accessToken, devices }
}

const groups = 4

/** The conversations that a run begins with: some groups, and one of each neighbouring pair. */
export const beginConversations = async (scene: Scene, random: Random): Promise<void> => {
  const { people } = scene
  for (let n = 0; n < groups; n++) {
    const members = people.filter((_, index) => index % groups === n || random.chance(0.5))
    const [owner, ...others] = members
    if (owner && others.length > 0) await beginConversation(scene, owner, others, 'group')
  }
  for (const [n, person] of people.entries()) {
    const other = people[n + 1]
    if (other && n % 2 === 0) await beginConversation(scene, person, [other], 'direct')
  }
}

const betweenActionsMs = { least: 80, most: 900 }

/** One thing after the other until `load` fires. What was begun is finished. */
export const act = async (scene: Scene, person: Person, random: Random, load: AbortSignal): Promise<void> => {
  for (let n = 0; !load.aborted; n++) {
    const own = random.fork(String(n))
    await sleep(own.integer(betweenActionsMs.least, betweenActionsMs.most), undefined, { signal: load }).catch(() => undefined)
    if (load.aborted) return
    await own.weighted(actions).run(scene, person, own)
  }
}

/** A client's own troubles: it loses its connection, or does not read what it is sent. */
export const misbehave = async (device: Device, random: Random, load: AbortSignal): Promise<void> => {
  while (!load.aborted) {
    await sleep(random.integer(1000, 10_000), undefined, { signal: load }).catch(() => undefined)
    if (load.aborted) return
    const forMs = random.chance(0.1) ? random.integer(4000, 20_000) : random.integer(1, 2500)
    if (random.chance(0.35)) await device.stall(forMs, load)
    else device.drop(forMs)
  }
}
