import type { Ledger } from '../ledger.js'
import type { Random } from '../random.js'
import type { World, WorldKind } from '../world.js'

/** What a fault strikes: two that strike different things can go on at once. */
type Target = 'workers' | 'redis' | 'database' | 'all'

/** A way in which things break. All that is random about it is drawn before the run, so that a seed replays it. */
export interface Fault {
  readonly name: string
  readonly target: Target
  isPossible(kind: WorldKind): boolean
  /** @returns what will be done: it breaks something, and resolves when that has been put right */
  plan(random: Random, kind: WorldKind): { readonly detail: string; strike(world: World, ledger: Ledger): Promise<void> }
}

export const always = (): boolean => true
