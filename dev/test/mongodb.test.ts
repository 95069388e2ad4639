import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { freePort } from '../services/free-port.js'
import type { Engine } from '../services/mongodb/documentdb.js'
import { whyUnreachable } from '../services/mongodb/download.js'
import { mongoDbWays, obtainMongoDb } from '../services/mongodb.js'
import { aFolder } from './support/folder.js'

/** The engine on a machine that cannot run it. */
const noEngine: Engine = {
  supportsThisMachine: async () => ({ supported: false, reason: 'this is no Debian' }),
  isCached: async () => true,
  start: () => Promise.reject(new Error('was started all the same')),
}

const aSetting = (environment: Record<string, string>) => ({ environment, dataFolder: aFolder(), durable: false, progress: () => {} })

/** A cache folder that remembers a download of mongod that failed. */
const aCacheWithFailure = (reason: string): string => {
  const cache = aFolder()
  mkdirSync(join(cache, 'heliograph'))
  writeFileSync(join(cache, 'heliograph', 'mongod-download-failed'), reason)
  return cache
}

describe('getting MongoDB', () => {
  it('prefers a given address, then an installed mongod, then a fetched one, then the stand-in', () => {
    expect(mongoDbWays(noEngine).map((way) => way.name)).toEqual([
      'the address in MONGO_URI',
      'an installed mongod',
      'mongod from mongodb.org',
      "Debian's DocumentDB engine",
    ])
  })

  it('says within seconds that MONGO_URI does not answer, without showing its password, and takes no other way', async () => {
    const started = Date.now()
    const setting = aSetting({ MONGO_URI: `mongodb://ann:hunter2@127.0.0.1:${await freePort()}/` })
    const error = await obtainMongoDb(setting, noEngine).catch((caught: unknown) => caught)
    expect(String(error)).toMatch(/MONGO_URI names mongodb:\/\/127\.0\.0\.1:\d+\/, which does not answer: .*ECONNREFUSED.*unset MONGO_URI/)
    expect(String(error)).not.toContain('hunter2')
    expect(Date.now() - started).toBeLessThan(8000)
  })

  it('says that MONGOMS_SYSTEM_BINARY names nothing that can be run', async () => {
    const setting = aSetting({ MONGOMS_SYSTEM_BINARY: '/nowhere/mongod' })
    await expect(obtainMongoDb(setting, noEngine)).rejects.toThrow('MONGOMS_SYSTEM_BINARY names /nowhere/mongod')
  })

  it('names each way, what was tried and what to type, where there is none', async () => {
    const cache = aCacheWithFailure('fastdl.mongodb.org cannot be reached: no connection in 5 s')
    const error = await obtainMongoDb(aSetting({ PATH: aFolder(), XDG_CACHE_HOME: cache }), noEngine).catch((caught: unknown) => caught)
    expect(String(error)).toContain('MONGO_URI is not set')
    expect(String(error)).toContain("export MONGO_URI='mongodb://")
    expect(String(error)).toContain('no mongod on PATH')
    expect(String(error)).toContain('https://www.mongodb.com/docs/manual/administration/install-community/')
    expect(String(error)).toContain('fastdl.mongodb.org cannot be reached: no connection in 5 s (to try again: rm ')
    expect(String(error)).toContain("Debian's DocumentDB engine: this is no Debian")
  })

  it('notices at once that the host of a download refuses', async () => {
    const reason = await whyUnreachable(`https://127.0.0.1:${await freePort()}/mongod.tgz`, {})
    expect(reason).toMatch(/^127\.0\.0\.1 cannot be reached: .*ECONNREFUSED/)
  })

  it('asks the proxy instead of the host where there is one', async () => {
    const proxy = `http://127.0.0.1:${await freePort()}`
    await expect(whyUnreachable('https://mongod.invalid/mongod.tgz', { https_proxy: proxy })).resolves.toMatch(/^127\.0\.0\.1 cannot/)
  })
})
