import type { Answer, Api, Call } from './clients/api.js'
import type { Device } from './clients/device.js'
import type { Findings } from './findings.js'
import type { Ledger, Write } from './ledger.js'
import type { Random } from './random.js'

export interface Person {
  readonly id: string
  readonly name: string
  readonly token: string
  readonly devices: readonly Device[]
}

/** What an action has to do with. */
export interface Scene {
  readonly people: readonly Person[]
  readonly ledger: Ledger
  readonly findings: Findings
  readonly api: Api
  /** Fires when nothing is to be awaited any more. */
  readonly signal: AbortSignal
}

/** Something that a person does now and then. */
export interface Action {
  readonly name: string
  readonly weight: number
  /** Resolves when it is acknowledged, or was refused for a reason, or there was nothing to do. */
  run(scene: Scene, person: Person, random: Random): Promise<void>
}

/**
 * Asks for a write until it is answered, and notes what became of it.
 * @returns the answer; its status is one of `expected`, or undefined is returned and the answer is a finding
 */
export const ask = async (
  scene: Scene,
  person: Person,
  call: Call,
  write: Write,
  expected: readonly number[],
): Promise<Answer | undefined> => {
  const answer = await scene.api.call({ ...call, token: person.token }, scene.signal, write.attempts)
  if (answer.status < 300) write.ackedAt = Date.now()
  if (expected.includes(answer.status)) return answer
  const what = `${call.method} ${call.path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`
  scene.findings.add({ kind: 'error', what })
  return undefined
}
