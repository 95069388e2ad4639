import { randomUUID } from 'node:crypto'
import { type mongo, Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { anAdmin } from './support/administrators.js'
import { aPerson, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let admin: Person

beforeAll(async () => {
  app = await startTestApp()
  admin = await anAdmin(app)
})
afterAll(() => app.close())

interface View {
  readonly id: string
  readonly at: string
  readonly action: string
  readonly detail: Record<string, unknown>
}
const stored = () => app.context.mongo.connection.collection('audit')
const list = async (query: Readonly<Record<string, string>>): Promise<{ items: View[]; nextCursor: string | null }> =>
  (await admin.get('/admin/audit').query(query).expect(200)).body
const numbers = (items: readonly View[]): unknown[] => items.map(({ detail }) => detail['n'])
const downFrom = (count: number): number[] => Array.from({ length: count }, (_, n) => count - n)

/** Entries with these numbers, a minute apart, oldest first. */
const record = async (count: number, entry: object = {}): Promise<Date[]> => {
  const first = Date.now() - 3_600_000
  const times = Array.from({ length: count }, (_, n) => new Date(first + n * 60_000))
  const entries = times.map((at, n) => ({
    action: 'thing.done',
    outcome: 'done',
    actor: { kind: 'user' },
    detail: { n: n + 1 },
    at,
    ...entry,
  }))
  await stored().insertMany(entries)
  return times
}

describe('GET /admin/audit', () => {
  it('tells who did what to whom, when, from where, with what outcome', async () => {
    const [id, target] = [randomUUID(), randomUUID()]
    await app.context.audit.record({
      action: 'door.opened',
      outcome: 'refused',
      actor: { kind: 'service', id },
      target: { kind: 'door', id: target },
      origin: { ip: '192.0.2.7', userAgent: 'a browser' },
      detail: { tries: 3 },
    })
    const { items } = await list({ actor: id })
    expect(items).toEqual([
      {
        id: expect.any(String),
        at: expect.any(String),
        action: 'door.opened',
        outcome: 'refused',
        actor: { kind: 'service', id },
        target: { kind: 'door', id: target },
        origin: { ip: '192.0.2.7', userAgent: 'a browser' },
        detail: { tries: 3 },
      },
    ])
    expect(Math.abs(Date.parse(items[0]?.at ?? '') - Date.now())).toBeLessThan(600_000)
  })

  it('is filtered by actor, target, action and time, alone and together', async () => {
    const [actor, target] = [randomUUID(), randomUUID()]
    const times = await record(5, { actor: { kind: 'user', id: actor }, target: { kind: 'user', id: target }, action: 'filter.tried' })
    await record(5, { actor: { kind: 'user', id: actor }, action: 'filter.other' })
    const iso = (n: number) => times[n]?.toISOString() ?? ''
    expect(numbers((await list({ target })).items)).toEqual(downFrom(5))
    expect(numbers((await list({ action: 'filter.tried' })).items)).toEqual(downFrom(5))
    expect((await list({ actor })).items).toHaveLength(10)
    expect(numbers((await list({ actor, action: 'filter.other' })).items)).toEqual(downFrom(5))
    expect(numbers((await list({ target, from: iso(1), to: iso(3) })).items)).toEqual([3, 2])
    expect((await list({ actor, target: randomUUID() })).items).toEqual([])
  })

  it('comes page by page, newest first, each entry once, also those of the same moment', async () => {
    const actor = randomUUID()
    await record(7, { actor: { kind: 'user', id: actor }, at: new Date() })
    const ids: string[] = []
    let query: Record<string, string> = { actor, limit: '3' }
    for (const size of [3, 3, 1]) {
      const { items, nextCursor } = await list(query)
      expect(items).toHaveLength(size)
      expect(nextCursor === null).toBe(size === 1)
      ids.push(...items.map(({ id }) => id))
      query = { actor, limit: '3', cursor: nextCursor ?? '' }
    }
    expect(new Set(ids).size).toBe(7)
    expect(ids).toEqual(ids.toSorted().toReversed())
  })

  it('refuses what it does not understand, field by field', async () => {
    const refused: [string, string][] = [
      ['limit=0', 'query.limit'],
      ['limit=101', 'query.limit'],
      ['cursor=nonsense', 'query.cursor'],
      [`cursor=${Buffer.from('[1e99,"x"]').toString('base64url')}`, 'query.cursor'],
      ['action=$where', 'query.action'],
      ['actor=', 'query.actor'],
      [`target=${'x'.repeat(101)}`, 'query.target'],
      ['from=yesterday', 'query.from'],
      ['from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'query.to'],
      ['actor=a&actor=b', 'query.actor'],
    ]
    for (const [query, path] of refused) {
      const { body } = await admin.get(`/admin/audit?${query}`).expect(400)
      expect([query, body.errors.map((error: { path: string }) => error.path)]).toEqual([query, [path]])
    }
    await admin.get('/admin/audit?unknown=1').expect(400)
    expect((await list({ actor: '{"$ne":null}' })).items).toEqual([])
  })

  it('is for administrators: 403 for users, 401 for strangers; reading it is recorded, refused or not', async () => {
    const ann = await aPerson(app)
    await ann.get('/admin/audit').expect(403)
    await app.request.get('/api/v1/admin/audit').expect(401)
    expect((await list({ actor: ann.id, action: 'admin.refused' })).items).toMatchObject([
      {
        action: 'admin.refused',
        outcome: 'refused',
        actor: { kind: 'user', id: ann.id },
        detail: { call: 'GET /admin/audit', code: 'forbidden' },
      },
    ])
    expect((await list({ actor: admin.id, action: 'audit.read' })).items.length).toBeGreaterThan(0)
  })
})

describe('the audit log', () => {
  it('refuses to be changed', async () => {
    const entries = app.context.mongo.connection.model('Audit')
    const appended = /appended to, never changed/
    await expect(entries.updateMany({}, { $set: { action: 'nothing' } }).exec()).rejects.toThrow(appended)
    await expect(entries.findOneAndUpdate({}, { $set: { action: 'nothing' } }).exec()).rejects.toThrow(appended)
    await expect(entries.deleteMany({}).exec()).rejects.toThrow(appended)
    await expect(entries.deleteOne({}).exec()).rejects.toThrow(appended)
  })

  it('is read by its indexes, whatever it is filtered by, without sorting', async () => {
    await stored().insertMany(
      Array.from({ length: 2000 }, (_, n) => ({
        action: `many.${n % 50}`,
        outcome: 'done',
        actor: { kind: 'user', id: `actor-${n % 50}` },
        target: { kind: 'user', id: `target-${n % 50}` },
        origin: { ip: `192.0.2.${n % 50}`, userAgent: '' },
        at: new Date(Date.now() - n * 1000),
        _id: new Types.ObjectId(),
      })),
    )
    const commands: mongo.Document[] = []
    const listen = ({ commandName, command }: mongo.CommandStartedEvent): void => {
      if ((commandName === 'find' || commandName === 'aggregate') && command[commandName] === 'audit') commands.push(command)
    }
    const { connection } = app.context.mongo
    connection.getClient().on('commandStarted', listen)
    const first = await list({ limit: '10' })
    await list({ limit: '10', cursor: first.nextCursor ?? '' })
    await list({ limit: '10', actor: 'actor-7', action: 'many.7' })
    await list({ limit: '10', target: 'target-7', from: new Date(0).toISOString() })
    await list({ limit: '10', action: 'many.7' })
    connection.getClient().off('commandStarted', listen)
    const plans = await Promise.all(
      commands.map(async ({ find, filter, sort, hint, limit }) =>
        JSON.stringify((await connection.db?.command({ explain: { find, filter, sort, hint, limit } }))?.['queryPlanner'].winningPlan),
      ),
    )
    expect(plans.map((plan) => /"indexName":"(\w+)"/.exec(plan)?.[1])).toEqual(['newest', 'newest', 'actor_at', 'target_at', 'action_at'])
    for (const plan of plans) expect(plan).not.toMatch(/"stage":"(SORT|COLLSCAN|BitmapOr)"/)

    const failures = { 'origin.ip': '192.0.2.7', action: 'many.7', outcome: 'done', at: { $gt: new Date(0) } }
    expect(JSON.stringify(await stored().find(failures).limit(11).explain())).toContain('"indexName":"origin_at"')
  })
})
