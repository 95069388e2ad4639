import { Types } from 'mongoose'
import { describe, expect, it } from 'vitest'
import { Maintenance, type MaintenanceDocument } from '../src/features/maintenance/index.js'
import { anAdmin, signedInAgain, theNextSecond } from './support/administrators.js'
import { aNeighbour, anApp, aStream } from './support/listening.js'
import { aPerson } from './support/people.js'
import type { TestApp } from './support/test-app.js'

const stored = (app: TestApp, name: string) => app.context.mongo.connection.collection(name)
const sessionsOf = (app: TestApp, id: string) =>
  stored(app, 'sessions')
    .find({ userId: new Types.ObjectId(id) })
    .toArray()
/** As if the jobs had run more than an hour ago. */
const anHourLater = (app: TestApp) => stored(app, 'maintenance').updateMany({}, { $set: { at: new Date(Date.now() - 3_601_000) } })

describe('maintenance', () => {
  it('is done by one worker, once an hour, however many look', async () => {
    const one = await anApp()
    const others = [await aNeighbour(one), await aNeighbour(one)]
    const look = async () =>
      (await Promise.all([one, ...others].map(({ context }) => context.maintenance.runIfDue()))).filter(Boolean).length
    expect(await look()).toBe(1)
    expect(await look()).toBe(0)
    await anHourLater(one)
    expect(await look()).toBe(1)
  })

  it('is taken over where the worker that did it died', async () => {
    const one = await anApp()
    const other = await aNeighbour(one)
    expect(await one.context.maintenance.runIfDue()).toBe(true)
    await anHourLater(one)
    expect(await other.context.maintenance.runIfDue()).toBe(false) // the lease is the first one's
    const leases = one.context.mongo.connection.collection<{ _id: string }>('leases')
    await leases.updateOne({ _id: 'maintenance' }, { $set: { expiresAt: new Date(0) } })
    expect(await other.context.maintenance.runIfDue()).toBe(true)
  })

  it('removes sessions from before all were ended, and none since', async () => {
    const app = await anApp()
    const [ann, admin] = [await aPerson(app), await anAdmin(app)]
    await admin.post('/admin/sessions/revoke-all', {}).expect(204)
    await theNextSecond()
    const again = await signedInAgain(app, ann)
    expect(await sessionsOf(app, ann.id)).toHaveLength(2)
    expect(await app.context.maintenance.runIfDue()).toBe(true)
    const left = await sessionsOf(app, ann.id)
    expect(left.map(({ _id }) => _id.toHexString())).toEqual([app.context.accessTokens.verify(again.accessToken).sessionId])
    expect(await sessionsOf(app, admin.id)).toEqual([])
    await again.get('/users/me').expect(200)
  })

  it('keeps what has something to tell', async () => {
    const app = await anApp()
    const [ann, admin] = [await aPerson(app), await anAdmin(app)]
    await ann.post('/auth/logout', {}).expect(204)
    await admin.post('/admin/sessions/revoke-all', {}).expect(204)
    await app.context.maintenance.runIfDue()
    expect((await sessionsOf(app, ann.id)).map(({ outbox }) => outbox?.length)).toEqual([1])
  })

  it('ends the sessions of people who are gone or suspended, streams too, and leaves all others', async () => {
    const app = await anApp()
    const [gone, suspended, ann] = [await aPerson(app), await aPerson(app), await aPerson(app)]
    const streams = [await aStream(gone, app), await aStream(suspended, app)]
    await stored(app, 'users').deleteOne({ _id: new Types.ObjectId(gone.id) })
    await stored(app, 'users').updateOne({ _id: new Types.ObjectId(suspended.id) }, { $set: { suspendedAt: new Date() } })
    await app.context.maintenance.runIfDue()
    for (const stream of streams) await stream.ended
    expect(streams.map(({ events }) => events.at(-1)?.data)).toMatchObject([{ reason: 'account_deleted' }, { reason: 'suspended' }])
    await gone.get('/users/me').expect(401)
    await ann.get('/users/me').expect(200)
  })

  it('logs what each job did and how long it took; one that fails leaves the others to be done', async () => {
    const app = await anApp({ LOG_LEVEL: 'info' })
    const done: string[] = []
    const job = (name: string, fails: boolean) => ({
      name,
      run: async () => {
        if (fails) throw new Error('on purpose')
        done.push(name)
        return 7
      },
    })
    const { logger, mongo } = app.context
    const maintenance = new Maintenance({
      maintenance: () => mongo.connection.getClient().db(mongo.connection.name).collection<MaintenanceDocument>('maintenance'),
      leases: { hold: async () => true },
      jobs: [job('broken', true), job('whole', false)],
      logger,
    })
    expect(await maintenance.runIfDue()).toBe(true)
    expect(done).toEqual(['whole'])
    const logged = app.logs.map((line) => JSON.parse(line))
    expect(logged).toContainEqual(expect.objectContaining({ msg: 'maintenance', job: 'whole', done: 7, durationMs: expect.any(Number) }))
    expect(logged).toContainEqual(expect.objectContaining({ msg: 'a maintenance job failed', job: 'broken', level: 40 }))
  })

  it('stops between batches when its worker stops', async () => {
    const app = await anApp()
    const { mongo, logger } = app.context
    let batches = 0
    const maintenance = new Maintenance({
      maintenance: () => mongo.connection.getClient().db(mongo.connection.name).collection<MaintenanceDocument>('maintenance'),
      leases: { hold: async () => true },
      jobs: [
        {
          name: 'endless',
          async run(goOn) {
            while (await goOn()) {
              batches += 1
              if (batches === 3) void maintenance.stop()
            }
            return batches
          },
        },
      ],
      logger,
    })
    await maintenance.runIfDue()
    expect(batches).toBe(3)
  })
})
