import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../free-port.js'
import type { Running, Setting } from '../service.js'
import { startServer } from '../start-server.js'
import { pingRedis } from './ping.js'

/**
 * Starts a Redis on a free port of 127.0.0.1. It must not evict: what the event log holds is needed until it is trimmed.
 * @throws Error with the end of its log where it does not come up
 */
export const startRedisServer = async (path: string, { dataFolder, durable }: Setting): Promise<Running> => {
  const folder = join(dataFolder, 'redis')
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  const server = await startServer({
    command: path,
    arguments: [
      ['--bind', '127.0.0.1'],
      ['--port', String(port)],
      ['--dir', folder],
      ['--maxmemory-policy', 'noeviction'],
      ['--save', ''],
      ['--appendonly', durable ? 'yes' : 'no'],
    ].flat(),
    logFile: join(folder, 'redis.log'),
    readyDeadlineSeconds: 30,
    stopDeadlineSeconds: 10,
    ...(durable ? { claimFile: join(folder, 'in-use') } : { removeFolder: folder }),
    probe: () => pingRedis(url, 1000),
  })
  return { url, description: `started ${path}`, stop: () => server.stop() }
}
