/** Before all tests: a MongoDB, a Redis and an S3 that hold nothing and keep nothing, and a backend built once. */
import type { TestProject } from 'vitest/node'
import { buildBackend } from './build.js'
import type { Provided } from './provided.js'
import { obtainMongoDb } from './services/mongodb.js'
import { obtainRedis } from './services/redis.js'
import { obtainS3, type RunningS3 } from './services/s3.js'
import { NoWayError, type Setting } from './services/service.js'
import { temporaryFolder } from './services/temporary-folder.js'
import { installTestPrograms } from './services/test-programs.js'
import { servicesTable } from './services-table.js'
import { Closing } from './start/closing.js'

const provide = (project: TestProject, { mongoUrl, mongoEngine, redisUrl, s3 }: Provided) => {
  project.provide('mongoUrl', mongoUrl)
  project.provide('mongoEngine', mongoEngine)
  project.provide('redisUrl', redisUrl)
  project.provide('s3', s3)
}

/** An S3, or why there is none: most tests need none, and run. */
const s3IfPossible = async (setting: Setting): Promise<{ running?: RunningS3; access: Provided['s3']; stop(): Promise<void> }> => {
  try {
    const running = await obtainS3(setting)
    return { running, access: running.access, stop: () => running.stop() }
  } catch (error) {
    if (!(error instanceof NoWayError)) throw error
    setting.progress(`${error.message}\nThe tests that need S3 fail.`)
    return { access: { missing: error.message }, stop: async () => {} }
  }
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
  await installTestPrograms(setting) // before the others, which would wait for it in their turn
  const outcomes = await Promise.allSettled([
    stopping(obtainMongoDb(setting)),
    stopping(obtainRedis(setting)),
    stopping(s3IfPossible(setting)),
    buildBackend(),
  ])
  const [mongoDb, redis, s3, built] = outcomes
  if (mongoDb.status === 'rejected' || redis.status === 'rejected' || s3.status === 'rejected' || built.status === 'rejected') {
    await closing.close()
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    throw new Error(reasons.map((reason) => (reason instanceof Error ? reason.message : String(reason))).join('\n'))
  }
  console.log(
    `${servicesTable({ mongoDb: mongoDb.value, redis: redis.value, s3: s3.value.running }, { kept: false, folder: folder.path })}\n`,
  )
  provide(project, {
    mongoUrl: mongoDb.value.url,
    mongoEngine: mongoDb.value.engine,
    redisUrl: redis.value.url,
    s3: s3.value.access,
  })
  return () => closing.close()
}
