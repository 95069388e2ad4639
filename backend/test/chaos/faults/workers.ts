import { setTimeout as sleep } from 'node:timers/promises'
import { always, type Fault } from './fault.js'

export const killWorker: Fault = {
  name: 'worker killed',
  target: 'workers',
  isPossible: always,
  plan(random, { workerCount }) {
    const worker = random.integer(0, workerCount - 1)
    return {
      detail: `worker ${worker}`,
      async strike(world) {
        await world.workers.signal(worker, 'SIGKILL')
        await world.workers.ready()
      },
    }
  },
}

export const holdWorker: Fault = {
  name: 'worker held',
  target: 'workers',
  isPossible: always,
  plan(random, { workerCount }) {
    const worker = random.integer(0, workerCount - 1)
    const forMs = random.integer(5000, 20_000)
    return {
      detail: `worker ${worker} for ${forMs} ms`,
      async strike(world) {
        await world.workers.signal(worker, 'SIGSTOP')
        await sleep(forMs)
        await world.workers.signal(worker, 'SIGCONT')
        await world.workers.ready()
      },
    }
  },
}

export const reloadWorkers: Fault = {
  name: 'workers reloaded',
  target: 'workers',
  isPossible: always,
  plan() {
    return {
      detail: 'one after the other',
      async strike(world) {
        await world.workers.reload()
      },
    }
  },
}
