import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { RunningMongoDb } from '../mongodb.js'
import { cacheFolder } from '../project.js'
import type { Setting, Way } from '../service.js'
import type { Engine } from './documentdb.js'
import { cachedMongod, downloadAddress, downloadMongod, whyUnreachable } from './download.js'
import { startMongod } from './mongod.js'

const failureFile = (environment: Setting['environment']) => join(cacheFolder(environment), 'mongod-download-failed')

const remember = (environment: Setting['environment'], reason: string) => {
  mkdirSync(dirname(failureFile(environment)), { recursive: true })
  writeFileSync(failureFile(environment), reason)
}

const rememberedFailure = (environment: Setting['environment']): string | undefined => {
  try {
    return readFileSync(failureFile(environment), 'utf8')
  } catch {
    return undefined
  }
}

const fetchAndStart = async (setting: Setting): Promise<RunningMongoDb> => {
  let path: string
  try {
    path = await downloadMongod(setting)
  } catch (error) {
    remember(setting.environment, error instanceof Error ? error.message : String(error))
    throw error
  }
  rmSync(failureFile(setting.environment), { force: true })
  return startMongod(path, setting)
}

/**
 * The mongod that mongodb-memory-server fetches and keeps. A failure to fetch it is remembered: while the stand-in is
 * at hand, nobody waits for the same failure at each start.
 */
export const downloadedMongod = (engine: Pick<Engine, 'isCached'>): Way<RunningMongoDb> => ({
  name: 'mongod from mongodb.org',
  remedy: 'on a machine that reaches https://fastdl.mongodb.org (or a mirror named in MONGOMS_DOWNLOAD_MIRROR), it is fetched by itself',
  async find(setting) {
    const failure = rememberedFailure(setting.environment)
    if (failure !== undefined && (await engine.isCached())) {
      return { usable: false, reason: `${failure} (to try again: rm ${failureFile(setting.environment)})` }
    }
    let address: string
    try {
      const cached = await cachedMongod()
      if (cached !== undefined) return { usable: true, start: () => startMongod(cached, setting) }
      address = await downloadAddress()
    } catch (error) {
      return { usable: false, reason: error instanceof Error ? error.message : String(error) }
    }
    const fault = await whyUnreachable(address, setting.environment)
    if (fault !== undefined) {
      remember(setting.environment, fault)
      return { usable: false, reason: fault }
    }
    return { usable: true, start: () => fetchAndStart(setting) }
  },
})
