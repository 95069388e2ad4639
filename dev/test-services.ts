/** Before all tests: a MongoDB and a Redis that hold nothing and keep nothing, and a backend built once. */
import type { TestProject } from 'vitest/node'
import { buildBackend } from './build.js'
import type { Provided } from './provided.js'
import { obtainMongoDb } from './services/mongodb.js'
import { obtainRedis } from './services/redis.js'
import { temporaryFolder } from './services/temporary-folder.js'
import { installTestPrograms } from './services/test-programs.js'
import { servicesTable } from './services-table.js'
import { Closing } from './start/closing.js'

const provide = (project: TestProject, { mongoUrl, mongoEngine, redisUrl }: Provided) => {
  project.provide('mongoUrl', mongoUrl)
  project.provide('mongoEngine', mongoEngine)
  project.provide('redisUrl', redisUrl)
}

export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const closing = new Closing()
  const folder = temporaryFolder()
  closing.add(() => folder.remove())
  const setting = { environment: process.env, dataFolder: folder.path, durable: false, progress: (line: string) => console.log(line) }
  const stopping = async <R extends { stop(): Promise<void> }>(running: Promise<R>): Promise<R> => {
    const service = await running
    closing.add(() => service.stop())
    return service
  }
  await installTestPrograms(setting) // before the others: apt-get runs once at a time
  const outcomes = await Promise.allSettled([stopping(obtainMongoDb(setting)), stopping(obtainRedis(setting)), buildBackend()])
  const [mongoDb, redis, built] = outcomes
  if (mongoDb.status === 'rejected' || redis.status === 'rejected' || built.status === 'rejected') {
    await closing.close()
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    throw new Error(reasons.map((reason) => (reason instanceof Error ? reason.message : String(reason))).join('\n'))
  }
  console.log(`${servicesTable(mongoDb.value, redis.value, { kept: false, folder: folder.path })}\n`)
  provide(project, { mongoUrl: mongoDb.value.url, mongoEngine: mongoDb.value.engine, redisUrl: redis.value.url })
  return () => closing.close()
}
