import { installPackages, whyNoPackages } from '../debian.js'
import { findOnPath } from '../executables.js'
import type { Setting, Way } from '../service.js'
import { startRedisServer } from './redis-server.js'

const install = async (setting: Setting): Promise<string> => {
  await installPackages(['redis-server'], setting)
  const path = findOnPath('redis-server', setting.environment)
  if (path === undefined) throw new Error('the package was installed, but redis-server is not on PATH')
  return path
}

/** Debian's package: installed, and none of its daemons started. */
export const redisFromDebian: Way = {
  name: "Debian's redis-server package",
  remedy: 'on Debian and Ubuntu, root has it installed by itself; or type: sudo apt-get install -y redis-server',
  async find(setting) {
    const reason = whyNoPackages(setting)
    if (reason !== undefined) return { usable: false, reason }
    return { usable: true, start: async () => startRedisServer(await install(setting), setting) }
  },
}
