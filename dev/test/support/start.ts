import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { inject, onTestFinished } from 'vitest'
import { freePort } from '../../services/free-port.js'
import { projectFolder } from '../../services/project.js'
import { aFolder } from './folder.js'
import { type Program, runProgram } from './program.js'

export interface Start extends Program {
  readonly port: number
  readonly dataFolder: string
  /** What the environment of each of its processes holds, and of no other's. */
  readonly mark: string
}

const aDatabaseUrl = (name: string): string => {
  const url = new URL(inject('mongoUrl'))
  url.pathname = `/${name}`
  onTestFinished(async () => {
    const client = new MongoClient(url.href)
    await client.db(name).dropDatabase()
    await client.close()
  })
  return url.href
}

/** `npm start` on a free port, with a data folder and a database of its own, and no Redis given. */
export const runStart = async (words: readonly string[] = [], environment: Record<string, string> = {}): Promise<Start> => {
  const port = await freePort()
  const dataFolder = environment['HELIOGRAPH_DATA'] ?? aFolder()
  const program = runProgram(join(projectFolder, 'dev/start.ts'), words, {
    ...process.env,
    NODE_ENV: undefined,
    REDIS_URL: undefined,
    AWS_S3_ENDPOINT: undefined,
    MONGO_URI: aDatabaseUrl(`start_${port}`),
    PORT: String(port),
    HELIOGRAPH_DATA: dataFolder,
    ...environment,
  })
  return { ...program, port, dataFolder, mark: `HELIOGRAPH_DATA=${dataFolder}` }
}
