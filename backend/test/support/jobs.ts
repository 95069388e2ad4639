import type { Types } from 'mongoose'
import { defaultJobTimes, type JobDocument, type JobHandler, JobRunner, JobStore, type JobTimes } from '../../src/features/jobs/index.js'
import { afterwards } from './listening.js'
import type { TestApp } from './test-app.js'

/** For apps whose own worker is to leave jobs alone. */
export const idle = { jobs: { lookEveryMs: 3_600_000 } }

export const jobsOf = (app: TestApp) => app.context.collection<JobDocument>('jobs')

export const theJob = async (app: TestApp, id: Types.ObjectId): Promise<JobDocument> => {
  const job = await jobsOf(app).findOne({ _id: id })
  if (!job) throw new Error('The job is there')
  return job
}

/** As if the lease of whoever has it had run out, or its pause was over. */
export const makeDue = (app: TestApp) => jobsOf(app).updateMany({}, { $set: { dueAt: new Date(0) } })

export const storeOf = (app: TestApp, times: Partial<JobTimes> = {}): JobStore =>
  new JobStore({ jobs: () => jobsOf(app), leaseMs: times.leaseMs ?? defaultJobTimes.leaseMs })

/** A worker of its own that does jobs, at an app's database. */
export const aRunner = (app: TestApp, handlers: readonly JobHandler[], times: Partial<JobTimes> = {}): JobRunner => {
  const { context } = app
  const runner = new JobRunner({
    store: storeOf(app, times),
    handlers,
    outbox: context.outbox,
    source: context.jobOutbox,
    worker: context.leases.worker,
    logger: context.logger,
    times: { ...defaultJobTimes, ...times },
  })
  afterwards(() => runner.stop())
  return runner
}
