import { findOnPath } from '../executables.js'
import type { Way } from '../service.js'
import { startRedisServer } from './redis-server.js'

/** The redis-server that this machine has. */
export const installedRedis: Way = {
  name: 'an installed redis-server',
  remedy: 'install it: sudo apt-get install -y redis-server (macOS: brew install redis)',
  async find(setting) {
    const path = findOnPath('redis-server', setting.environment)
    if (path === undefined) return { usable: false, reason: 'no redis-server on PATH' }
    return { usable: true, start: () => startRedisServer(path, setting) }
  },
}
