import { Types } from 'mongoose'
import { describe, expect, it, vi } from 'vitest'
import { JobFailure, type JobHandler, type JobRun } from '../src/features/jobs/index.js'
import { aRunner, idle, jobsOf, makeDue, storeOf, theJob } from './support/jobs.js'
import { aNeighbour, anApp, aStream, deadline } from './support/listening.js'
import { aPerson } from './support/people.js'
import { dataOf } from './support/streams.js'

const aHandler = (work: (run: JobRun) => Promise<void>, options: Partial<JobHandler> = {}): JobHandler => ({
  kind: 'export',
  mostAttempts: 3,
  work,
  ...options,
})
/** Work that never ends by itself. */
const hanging = (): Promise<void> => new Promise(() => undefined)
const somebody = () => new Types.ObjectId()

describe('a job', () => {
  it('is done once, however many workers look', async () => {
    const app = await anApp({}, idle)
    const neighbours = [app, await aNeighbour(app, {}, idle), await aNeighbour(app, {}, idle)]
    const done: string[] = []
    const handler = aHandler(async ({ job }) => void done.push(job._id.toHexString()))
    const begun = await Promise.all(Array.from({ length: 10 }, () => storeOf(app).begin('export', somebody())))
    for (const each of neighbours) {
      const runner = aRunner(each, [handler])
      runner.wake()
      runner.wake()
    }
    await expect.poll(() => jobsOf(app).countDocuments({ status: 'done' }), deadline).toBe(10)
    expect(done.toSorted()).toEqual(begun.map(({ _id }) => _id.toHexString()).toSorted())
  })

  it('that is asked for by many at once is one; once it has ended the next one is another', async () => {
    const app = await anApp({}, idle)
    const [store, ann] = [storeOf(app), somebody()]
    const begun = await Promise.all(Array.from({ length: 50 }, () => store.begin('export', ann)))
    expect(new Set(begun.map(({ _id }) => _id.toHexString())).size).toBe(1)
    aRunner(app, [aHandler(async () => undefined)]).wake()
    await expect.poll(() => jobsOf(app).countDocuments({ status: 'done' }), deadline).toBe(1)
    expect((await store.begin('export', ann))._id).not.toEqual(begun[0]?._id)
  })

  it('is held by its worker for as long as that goes on, and is taken over from where it had come to once it does not', async () => {
    const app = await anApp({}, idle)
    const { _id } = await storeOf(app).begin('export', somebody())
    const attempts: JobRun[] = []
    const dying = aHandler(async (run) => {
      await run.save({ step: 1 }, 40)
      attempts.push(run)
      await hanging()
    })
    aRunner(app, [dying]).wake()
    await vi.waitUntil(() => attempts.length === 1, deadline)
    const other = await aNeighbour(app, {}, idle)
    expect(await storeOf(other).take(['export'])).toBeNull()

    await makeDue(app)
    const seen: unknown[] = []
    aRunner(other, [aHandler(async ({ job }) => void seen.push(job.state))]).wake()
    await expect.poll(async () => (await theJob(app, _id)).status, deadline).toBe('done')
    expect(seen).toEqual([{ step: 1 }])
    await expect(attempts[0]?.save({ step: 2 }, 50)).rejects.toThrow('not this attempt’s any more')
    expect(await theJob(app, _id)).toMatchObject({ state: { step: 1 }, attempts: 2, progress: 100 })
  })

  it('is held for another lease with each step', async () => {
    const app = await anApp({}, idle)
    const store = storeOf(app)
    await store.begin('export', somebody())
    const taken = await store.take(['export'])
    if (!taken) throw new Error('It waits')
    await makeDue(app)
    expect(await store.save(taken, { $set: '$dueAt' }, 10)).toBe(true)
    expect(await store.take(['export'])).toBeNull()
    expect((await theJob(app, taken._id)).state).toEqual({ $set: '$dueAt' })
  })

  it('is tried again where a step takes too long', async () => {
    const app = await anApp({}, idle)
    const { _id } = await storeOf(app).begin('export', somebody())
    const signals: AbortSignal[] = []
    const slowAtFirst = aHandler(async (run) => {
      signals.push(run.signal)
      if (signals.length === 1) await hanging()
    })
    const runner = aRunner(app, [slowAtFirst], { stepMs: 30, pauseMs: 1 })
    await vi.waitUntil(async () => {
      runner.wake()
      return (await theJob(app, _id)).status === 'done'
    }, deadline)
    expect(signals[0]?.aborted).toBe(true)
    expect(await theJob(app, _id)).toMatchObject({ attempts: 2, lastError: expect.stringContaining('longer than 30 ms') })
  })

  it('that fails is tried again, after twice as long each time, and has failed for good after so many attempts', async () => {
    const app = await anApp({ LOG_LEVEL: 'warn' }, idle)
    const person = await aPerson(app)
    const stream = await aStream(person, app)
    const { _id } = await storeOf(app).begin('export', new Types.ObjectId(person.id))
    const failing = aHandler(() => Promise.reject(new Error('on purpose')), { endEvent: 'export.ready' })
    const runner = aRunner(app, [failing], { pauseMs: 3_600_000, mostPauseMs: 36_000_000 })
    for (const attempt of [1, 2, 3]) {
      await makeDue(app)
      runner.wake()
      await vi.waitUntil(async () => {
        const { status, attempts } = await theJob(app, _id)
        return attempts === attempt && status !== 'running'
      }, deadline)
    }
    expect(await theJob(app, _id)).toMatchObject({ status: 'failed', attempts: 3, lastError: 'Error: on purpose' })
    const waited = app.logs.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'a job is tried again')
    expect(waited.map(({ afterMs }) => afterMs)).toEqual([3_600_000, 7_200_000])
    await expect.poll(() => dataOf(stream, 'export.ready'), deadline).toMatchObject([{ export: { status: 'failed' } }])
  })

  it('waits until its pause is over', async () => {
    const app = await anApp({}, idle)
    const store = storeOf(app)
    await store.begin('export', somebody())
    const taken = await store.take(['export'])
    if (!taken) throw new Error('It waits')
    await store.retry(taken, 3_600_000, new Error('on purpose'))
    expect(await store.take(['export'])).toBeNull()
    await makeDue(app)
    expect(await store.take(['export'])).toMatchObject({ attempts: 2 })
  })

  it('that is of no use to try again is not', async () => {
    const app = await anApp({}, idle)
    const { _id } = await storeOf(app).begin('export', somebody())
    aRunner(app, [aHandler(() => Promise.reject(new JobFailure('never')))]).wake()
    await expect.poll(async () => (await theJob(app, _id)).status, deadline).toBe('failed')
    expect(await theJob(app, _id)).toMatchObject({ attempts: 1 })
  })

  it('whose workers die again and again is not begun any more', async () => {
    const app = await anApp({}, idle)
    const { _id } = await storeOf(app).begin('export', somebody())
    for (let died = 0; died < 3; died++) {
      expect(await storeOf(app).take(['export'])).not.toBeNull()
      await makeDue(app)
    }
    let begun = 0
    aRunner(app, [
      aHandler(async () => {
        begun += 1
      }),
    ]).wake()
    await expect.poll(async () => (await theJob(app, _id)).status, deadline).toBe('failed')
    expect(begun).toBe(0)
  })

  it('of a worker that stops is gone on with by another, at once, and that is no attempt that failed', async () => {
    const app = await anApp({}, idle)
    const { _id } = await storeOf(app).begin('export', somebody())
    let isSaved = false
    const long = aHandler(async (run) => {
      await run.save({ step: 7 }, 70)
      isSaved = true
      await hanging()
    })
    const runner = aRunner(app, [long])
    runner.wake()
    await vi.waitUntil(() => isSaved, deadline)
    await runner.stop()
    expect(await theJob(app, _id)).toMatchObject({ status: 'waiting', attempts: 0 })
    const seen: unknown[] = []
    aRunner(await aNeighbour(app, {}, idle), [aHandler(async ({ job }) => void seen.push(job.state))]).wake()
    await expect.poll(() => seen, deadline).toEqual([{ step: 7 }])
  })

  it('is found by a worker that looks now and then, whoever was asked for it', async () => {
    const app = await anApp({}, idle)
    const { _id } = await storeOf(app).begin('export', somebody())
    aRunner(app, [aHandler(async () => undefined)], { lookEveryMs: 20 }).start()
    await expect.poll(async () => (await theJob(app, _id)).status, deadline).toBe('done')
  })

  it('is kept for seven days after its end', async () => {
    const app = await anApp({}, idle)
    const { _id } = await storeOf(app).begin('export', somebody())
    expect((await theJob(app, _id)).expiresAt).toBeUndefined()
    aRunner(app, [aHandler(async () => undefined)]).wake()
    await expect.poll(async () => (await theJob(app, _id)).status, deadline).toBe('done')
    const { endedAt, expiresAt, liveKey } = await theJob(app, _id)
    expect(Number(expiresAt) - Number(endedAt)).toBe(7 * 86_400_000)
    expect(liveKey).toBeUndefined()
  })

  it('two at once at a worker, no more', async () => {
    const app = await anApp({}, idle)
    for (let n = 0; n < 5; n++) await storeOf(app).begin('export', somebody())
    let [running, most] = [0, 0]
    let both: () => void = () => undefined
    const bothRun = new Promise<void>((resolve) => {
      both = resolve
    })
    const handler = aHandler(async (run) => {
      running += 1
      most = Math.max(most, running)
      if (running === 2) both()
      await bothRun
      await run.save({}, 50)
      await run.save({}, 60)
      running -= 1
    })
    const runner = aRunner(app, [handler])
    for (let n = 0; n < 5; n++) runner.wake()
    await expect.poll(() => jobsOf(app).countDocuments({ status: 'done' }), deadline).toBe(5)
    expect(most).toBe(2)
  })
})
