import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { findOnPath } from '../../../dev/services/executables.js'
import { freePort } from '../../../dev/services/free-port.js'
import { pingRedis } from '../../../dev/services/redis/ping.js'
import { startServer } from '../../../dev/services/start-server.js'
import { temporaryFolder } from '../../../dev/services/temporary-folder.js'

type TemporaryFolder = ReturnType<typeof temporaryFolder>

/** A redis-server of a test's own, on 127.0.0.1. */
export interface RedisServer {
  readonly port: number
  readonly folder: TemporaryFolder
  /** Its process: to be killed or stopped by a test. */
  readonly pid: number
  /** Its administrator's connection. */
  readonly admin: Redis
  stop(): Promise<void>
}

interface Options {
  /** Where it was before, with what it kept. */
  readonly port?: number
  readonly folder?: TemporaryFolder
  readonly settings?: readonly string[]
  /** A Sentinel, with the lines of its configuration. */
  readonly sentinel?: readonly string[]
  readonly password?: string
}

const commandLine = (port: number, folder: string, { settings = [], sentinel, password }: Options): string[] => {
  const common = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
  if (!sentinel) {
    const secured = password === undefined ? [] : ['--requirepass', password]
    return [...common, '--save', '', '--maxmemory-policy', 'noeviction', ...secured, ...settings]
  }
  const configuration = join(folder, 'sentinel.conf')
  writeFileSync(configuration, sentinel.join('\n'))
  return [configuration, '--sentinel', ...common]
}

const redisPath = (): string => {
  const path = findOnPath('redis-server', process.env)
  if (path === undefined) throw new Error('no redis-server on PATH')
  return path
}

/** Starts a redis-server, or a Sentinel, that ends with this process at the latest. */
export const startRedis = async (options: Options = {}): Promise<RedisServer> => {
  const folder = options.folder ?? temporaryFolder()
  const port = options.port ?? (await freePort())
  const credentials = options.password === undefined ? '' : `:${options.password}@`
  const url = `redis://${credentials}127.0.0.1:${port}`
  const server = await startServer({
    command: redisPath(),
    arguments: commandLine(port, folder.path, options),
    logFile: join(folder.path, 'log'),
    readyDeadlineSeconds: 10,
    stopDeadlineSeconds: 5,
    probe: () => pingRedis(url, 1000),
  }).catch((error: unknown) => {
    folder.remove()
    throw error
  })
  const admin = new Redis(url, { commandTimeout: 2000 })
  admin.on('error', () => undefined) // a test may kill the server
  const stop = async (): Promise<void> => {
    admin.disconnect()
    await server.stop()
    folder.remove()
  }
  try {
    const pid = Number(/process_id:(\d+)/.exec(await admin.info('server'))?.[1])
    return { port, folder, pid, admin, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
