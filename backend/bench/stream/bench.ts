import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { run } from '../../../dev/services/run.js'
import { Closing } from '../../../dev/start/closing.js'
import { type Child, startChild } from '../child.js'
import { compileBench } from '../compile.js'
import { obtainServices } from '../services.js'

export const serverCore = 0
const loadCore = 1
/** Of one process: 5,000 streams of each of three contenders, and some. Node raises its soft limit to the hard one by itself. */
const openFiles = 16_000

/** What all scenarios share. */
export interface Bench {
  readonly compiled: (script: string) => string
  readonly mongoUrl: string
  readonly redisUrl: string
  readonly secret: string
  /** The process with all clients. */
  readonly load: Child<string>
  readonly redisCpuSeconds: () => Promise<number>
  readonly about: string
}

/** @throws where fewer files may be open than sockets will be, and the limit cannot be raised for this process and those that it starts */
const raiseOpenFiles = async (): Promise<void> => {
  const hardLimit = /^Max open files +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  if (hardLimit === 'unlimited' || Number(hardLimit) >= openFiles) return
  await run('prlimit', ['--pid', String(process.pid), `--nofile=${openFiles}:${openFiles}`], { deadlineSeconds: 5 })
}

const cpuIn = (info: string): number =>
  [...info.matchAll(/used_cpu_(?:user|sys):([\d.]+)/g)].reduce((sum, [, seconds]) => sum + Number(seconds), 0)

/** Starts what is needed: database, Redis (on the core of the load, where it is ours), the clients' process. */
export const openBench = async (closing: Closing): Promise<Bench> => {
  await raiseOpenFiles()
  const compiled = await compileBench()
  const { mongoDb, redis } = await obtainServices(closing)
  const commands = new Redis(redis.url)
  closing.add(() => commands.disconnect())
  const server = await commands.info('server')
  const pid = /process_id:(\d+)/.exec(server)?.[1]
  if (!process.env['REDIS_URL'] && pid !== undefined)
    await run('taskset', ['--all-tasks', '--cpu-list', '--pid', String(loadCore), pid], { deadlineSeconds: 5 })
  const load = await startChild(z.string(), { script: compiled('stream/load.js'), core: loadCore, closing })
  return {
    compiled,
    mongoUrl: mongoDb.url,
    redisUrl: redis.url,
    secret: randomBytes(48).toString('base64url'),
    load,
    redisCpuSeconds: async () => cpuIn(await commands.info('cpu')),
    about: `${mongoDb.description}; Redis ${/redis_version:(\S+)/.exec(server)?.[1]}, ${redis.description}`,
  }
}

/** Does something with things that are closed afterwards, whatever happens. */
export const withClosing = async <T>(work: (closing: Closing) => Promise<T>): Promise<T> => {
  const closing = new Closing()
  try {
    return await work(closing)
  } finally {
    await closing.close()
  }
}
