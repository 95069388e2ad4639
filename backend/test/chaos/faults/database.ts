import { setTimeout as sleep } from 'node:timers/promises'
import { always, type Fault } from './fault.js'

export const crashDatabase: Fault = {
  name: 'database crashed',
  target: 'database',
  isPossible: always,
  plan() {
    return {
      detail: 'recovers at once',
      async strike(world) {
        world.database.killPostgres()
        await world.databaseHealed()
      },
    }
  },
}

export const killDatabase: Fault = {
  name: 'database killed',
  target: 'database',
  isPossible: always,
  plan(random) {
    const downMs = random.integer(0, 6000)
    return {
      detail: `away for ${downMs} ms`,
      async strike(world) {
        await world.database.kill()
        await sleep(downMs)
        await world.database.startAgain()
      },
    }
  },
}

/** Longer than a driver takes to notice that it is gone (10 s between its looks), and than what is on its way may wait. See README.md. */
const unreachableMs = 16_000

export const restoreDatabase: Fault = {
  name: 'database restored',
  target: 'all',
  isPossible: always,
  plan(random) {
    const afterMs = random.integer(1000, 6000)
    return {
      detail: `to what it was ${afterMs} ms before`,
      async strike(world, ledger) {
        const copiedFrom = Date.now()
        await world.database.backUp()
        await world.workers.ready()
        await sleep(afterMs)
        const cutAt = Date.now()
        await world.database.restore()
        await sleep(Math.max(0, cutAt + unreachableMs - Date.now()))
        ledger.restores.push({ copiedFrom, restoredAt: Date.now() })
        world.database.open()
        await world.workers.ready()
      },
    }
  },
}
