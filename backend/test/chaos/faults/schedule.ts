import { setTimeout as sleep } from 'node:timers/promises'
import { within } from '../../../../dev/services/deadline.js'
import type { Ledger } from '../ledger.js'
import type { Random } from '../random.js'
import type { World, WorldKind } from '../world.js'
import type { Fault } from './fault.js'
import { faults } from './table.js'

interface PlannedFault {
  readonly name: string
  readonly plan: ReturnType<Fault['plan']>
}

/** What strikes together, so long after what struck before has been put right. */
interface Step {
  readonly afterMs: number
  readonly planned: readonly PlannedFault[]
}

export interface DoneFault {
  readonly name: string
  readonly detail: string
  readonly from: number
  readonly to: number
}

export interface ScheduleSetting {
  readonly steps: number
  /** Of these alone; of all where it is empty. */
  readonly names: readonly string[]
}

const secondChance = 0.3
/** A fault lasts half a minute at most, and what it broke comes back within a minute. */
const faultDeadlineSeconds = 120

/** What will break, and when; drawn before the run. */
export const planFaults = (random: Random, kind: WorldKind, { steps, names }: ScheduleSetting): Step[] => {
  const possible = faults.filter((fault) => fault.isPossible(kind) && (names.length === 0 || names.includes(fault.name)))
  if (possible.length === 0) return []
  return Array.from({ length: steps }, () => {
    const first = random.pick(possible)
    const others = possible.filter(({ target }) => target !== first.target && target !== 'all' && first.target !== 'all')
    const second = others.length > 0 && random.chance(secondChance) ? [random.pick(others)] : []
    const planned = [first, ...second].map((fault) => ({ name: fault.name, plan: fault.plan(random, kind) }))
    return { afterMs: random.integer(500, 4000), planned }
  })
}

/**
 * Under Sentinel there are two masters for a while: until the former one is told that it is none, workers that are connected to it stay there,
 * and what it takes is not heard by who listens to the other.
 */
const splits = new Set([
  'Redis held', // long enough to be taken for dead
  'Redis failed over',
  'Redis failed over while a worker was cut from it',
  'Redis split in two masters',
])

/** Does all that is planned, one step after the other. @throws where something cannot be put right: the run says nothing then */
export const strike = async (
  steps: readonly Step[],
  { world, ledger, progress }: { world: World; ledger: Ledger; progress: (line: string) => void },
): Promise<DoneFault[]> => {
  const done: DoneFault[] = []
  for (const { afterMs, planned } of steps) {
    await sleep(afterMs)
    const struck = planned.map(async ({ name, plan }) => {
      const from = Date.now()
      progress(`${name}: ${plan.detail}`)
      const trouble = { from, to: Number.POSITIVE_INFINITY }
      if (world.kind.redis === 'sentinel' && splits.has(name)) ledger.redisTroubles.push(trouble)
      await within(faultDeadlineSeconds, name, plan.strike(world, ledger))
      trouble.to = Date.now()
      progress(`put right: ${name}`)
      done.push({ name, detail: plan.detail, from, to: Date.now() })
    })
    const failed = (await Promise.allSettled(struck)).find((outcome) => outcome.status === 'rejected')
    if (failed) throw failed.reason
  }
  return done
}
