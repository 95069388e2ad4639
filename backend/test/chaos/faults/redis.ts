import { setTimeout as sleep } from 'node:timers/promises'
import { SentinelRedis } from '../services/sentinel-redis.js'
import type { World } from '../world.js'
import { always, type Fault } from './fault.js'

const restart = (name: string, empty: boolean): Fault => ({
  name,
  target: 'redis',
  isPossible: ({ redis }) => redis === 'single',
  plan(random) {
    const downMs = random.integer(0, 4000)
    return {
      detail: `away for ${downMs} ms`,
      async strike(world) {
        const master = await world.redis.master()
        await master.kill()
        await sleep(downMs)
        await master.startAgain({ empty })
      },
    }
  },
})

export const restartEmpty = restart('Redis restarted empty', true)
export const restartFromFile = restart('Redis restarted with its file', false)

export const holdRedis: Fault = {
  name: 'Redis held',
  target: 'redis',
  isPossible: always,
  plan(random) {
    const forMs = random.integer(500, 8000)
    return {
      detail: `for ${forMs} ms`,
      async strike(world) {
        const master = await world.redis.master()
        master.hold()
        await sleep(forMs)
        master.goOn()
        await world.redis.healed()
      },
    }
  },
}

const sentinelOf = ({ redis }: World): SentinelRedis => {
  if (!(redis instanceof SentinelRedis)) throw new Error('This Redis has no Sentinel')
  return redis
}

/** The master dies; Sentinel makes its replica the master; the dead one comes back as a replica. */
const dieAndComeBack = async (redis: SentinelRedis): Promise<void> => {
  const master = await redis.master()
  await master.kill()
  await redis.failedOver(master)
  await master.startAgain({ empty: true })
}

export const failOver: Fault = {
  name: 'Redis failed over',
  target: 'redis',
  isPossible: ({ redis }) => redis === 'sentinel',
  plan(random) {
    const planned = random.chance(0.4)
    return {
      detail: planned ? 'by the operator' : 'its master killed',
      async strike(world) {
        const redis = sentinelOf(world)
        await (planned ? redis.failOver() : dieAndComeBack(redis))
        await redis.healed()
      },
    }
  },
}

export const cutFromRedis: Fault = {
  name: 'worker cut from Redis',
  target: 'redis',
  isPossible: ({ workers }) => workers === 'plain',
  plan(random, { workerCount }) {
    const worker = random.integer(0, workerCount - 1)
    const silent = random.chance(0.5)
    const forMs = random.integer(500, 8000)
    return {
      detail: `worker ${worker} ${silent ? 'hears nothing' : 'is refused'} for ${forMs} ms`,
      async strike(world) {
        const link = await world.redis.linkOf(worker)
        if (silent) link.silence()
        else link.cut()
        await sleep(forMs)
        link.restore()
      },
    }
  },
}

export const failOverBehindACut: Fault = {
  name: 'Redis failed over while a worker was cut from it',
  target: 'redis',
  isPossible: ({ redis, workers }) => redis === 'sentinel' && workers === 'plain',
  plan(random, { workerCount }) {
    const worker = random.integer(0, workerCount - 1)
    const silent = random.chance(0.7)
    const planned = random.chance(0.6)
    const [beforeMs, afterMs] = [random.integer(0, 2000), random.integer(0, 6000)]
    return {
      detail: `worker ${worker} ${silent ? 'hears nothing' : 'is refused'} from ${beforeMs} ms before to ${afterMs} ms after it, ${planned ? 'by the operator' : 'its master killed'}`,
      async strike(world) {
        const redis = sentinelOf(world)
        const link = await redis.linkOf(worker)
        if (silent) link.silence()
        else link.cut()
        await sleep(beforeMs)
        await (planned ? redis.failOver() : dieAndComeBack(redis))
        await sleep(afterMs)
        link.restore()
        await redis.healed()
      },
    }
  },
}

export const splitRedis: Fault = {
  name: 'Redis split in two masters',
  target: 'redis',
  isPossible: ({ redis, workers }) => redis === 'sentinel' && workers === 'plain',
  plan(random, { workerCount }) {
    const worker = random.integer(0, workerCount - 1)
    const forMs = random.integer(500, 8000)
    return {
      detail: `worker ${worker} goes on with the old one for ${forMs} ms`,
      async strike(world) {
        const redis = sentinelOf(world)
        const join = await redis.split(worker)
        await sleep(forMs)
        join()
        await redis.healed()
      },
    }
  },
}
