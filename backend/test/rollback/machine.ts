import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { mongo } from 'mongoose'
import { inject } from 'vitest'
import { freePort } from '../../../dev/services/free-port.js'
import { run } from '../../../dev/services/run.js'
import { temporaryFolder } from '../../../dev/services/temporary-folder.js'
import { limitNames } from '../../src/http/limits-table.js'
import { aDatabase } from '../support/test-app.js'
import { installReleases, versions } from './next-release.js'

/** A machine that has both versions, with a database of its own; the former one stands where the one that serves does. */
export interface Machine {
  /** Stands for /opt. */
  readonly folder: string
  readonly logFile: string
  readonly ports: readonly number[]
  readonly environment: Readonly<Record<string, string>>
  readonly database: mongo.Db
  /** Runs a program of the version at `folder`: `heliograph` is the one that serves. @returns what it prints @throws where it fails */
  program(folder: string, name: 'admin' | 'migrate', ...words: readonly string[]): Promise<string>
  remove(): Promise<void>
}

const programDeadlineSeconds = 120

export const aMachine = async (portCount: number): Promise<Machine> => {
  const temporary = temporaryFolder()
  const folder = temporary.path
  installReleases({ former: join(folder, 'heliograph'), next: join(folder, `heliograph-${versions.next}`) })
  const ports = await Promise.all(Array.from({ length: portCount }, () => freePort()))
  const uri = aDatabase()
  const environment = {
    PATH: process.env['PATH'] ?? '',
    NODE_ENV: 'production',
    LOG_LEVEL: 'warn',
    HOST: '127.0.0.1',
    MONGO_URI: uri,
    REDIS_URL: inject('redisUrl'),
    JWT_SECRET: randomBytes(48).toString('base64'),
    PHONE_VERIFICATION: 'optional',
    TRUST_PROXY: 'loopback',
    UPLOAD_DIR: join(folder, 'uploads'),
    ...Object.fromEntries(limitNames.map((name) => [`LIMIT_${name.toUpperCase()}`, '1000000/s'])),
  }
  const client = new mongo.MongoClient(uri)
  return {
    folder,
    logFile: join(folder, 'workers.log'),
    ports,
    environment,
    database: client.db(),
    async program(at, name, ...words) {
      const file = join(folder, at, `backend/dist/${name}.js`)
      return (await run(process.execPath, [file, ...words], { deadlineSeconds: programDeadlineSeconds, environment })).output
    },
    async remove() {
      await client.db().dropDatabase()
      await client.close()
      temporary.remove()
    },
  }
}
