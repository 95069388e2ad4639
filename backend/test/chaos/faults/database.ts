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
        await world.database.restore()
        ledger.restores.push({ copiedFrom, restoredAt: Date.now() })
        world.database.open()
        await world.workers.ready()
      },
    }
  },
}
