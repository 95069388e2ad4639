import { findOnPath, isExecutable } from '../executables.js'
import type { RunningMongoDb } from '../mongodb.js'
import type { Way } from '../service.js'
import { startMongod } from './mongod.js'

/** The mongod that this machine has: MONGOMS_SYSTEM_BINARY (the variable mongodb-memory-server reads), else the one on PATH. */
export const installedMongod: Way<RunningMongoDb> = {
  name: 'an installed mongod',
  remedy:
    'install it: https://www.mongodb.com/docs/manual/administration/install-community/ (macOS: brew install mongodb/brew/mongodb-community)',
  async find(setting) {
    const named = setting.environment['MONGOMS_SYSTEM_BINARY']
    if (named && !isExecutable(named)) throw new Error(`MONGOMS_SYSTEM_BINARY names ${named}, which is not a program that can be run.`)
    const path = named || findOnPath('mongod', setting.environment)
    if (path === undefined) return { usable: false, reason: 'no mongod on PATH, and MONGOMS_SYSTEM_BINARY is not set' }
    return { usable: true, start: () => startMongod(path, setting) }
  },
}
