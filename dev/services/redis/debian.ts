import { findOnPath } from '../executables.js'
import { run } from '../run.js'
import type { Setting, Way } from '../service.js'
import { withoutStartingDaemons } from './policy-rc-d.js'
import { startRedisServer } from './redis-server.js'

const installDeadlineSeconds = 180

const whyNot = ({ environment }: Setting): string | undefined => {
  if (findOnPath('apt-get', environment) === undefined) return 'this system has no apt-get'
  if (process.getuid?.() !== 0) return 'only root may install packages'
  return undefined
}

const aptGet = (setting: Setting, ...words: string[]) =>
  run('apt-get', [...words], {
    deadlineSeconds: installDeadlineSeconds,
    environment: { ...setting.environment, DEBIAN_FRONTEND: 'noninteractive' },
  })

const isListed = async (setting: Setting): Promise<boolean> => {
  const { output } = await run('apt-cache', ['policy', 'redis-server'], { deadlineSeconds: 20, environment: setting.environment })
  return /Candidate: (?!\(none\))/.test(output)
}

const install = async (setting: Setting): Promise<string> => {
  if (!(await isListed(setting))) {
    setting.progress('Redis: apt-get update')
    await aptGet(setting, 'update', '-q')
  }
  setting.progress('Redis: apt-get install redis-server')
  await withoutStartingDaemons(() =>
    aptGet(setting, 'install', '-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=60', 'redis-server'),
  )
  const path = findOnPath('redis-server', setting.environment)
  if (path === undefined) throw new Error('the package was installed, but redis-server is not on PATH')
  return path
}

/** Debian's package: installed, and none of its daemons started. */
export const redisFromDebian: Way = {
  name: "Debian's redis-server package",
  remedy: 'on Debian and Ubuntu, root has it installed by itself; or type: sudo apt-get install -y redis-server',
  async find(setting) {
    const reason = whyNot(setting)
    if (reason !== undefined) return { usable: false, reason }
    return { usable: true, start: async () => startRedisServer(await install(setting), setting) }
  },
}
