import * as fc from 'fast-check'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Situation } from '../src/features/conversations/change.js'
import { adding, changingRole, leaving, removing } from '../src/features/conversations/member-changes.js'
import type { ConversationDocument, Member } from '../src/features/conversations/model.js'
import { Problem } from '../src/http/problem.js'
import { KeyedQueue } from '../src/platform/keyed-queue.js'
import { aGroup, aPerson, type Person, peopleInNumbers } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let neighbour: TestApp // another worker: same database, same Redis
beforeAll(async () => {
  app = await startTestApp()
  neighbour = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

/** Asks one of the two workers, in turns. */
const ask = (n: number, person: Person, method: string, path: string, body: object = {}): Promise<number> =>
  fetch(`${(n % 2 === 0 ? app : neighbour).url}/api/v1${path}`, {
    method,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${person.accessToken}` },
    ...(method === 'DELETE' ? {} : { body: JSON.stringify(body) }),
  }).then(({ status }) => status)

const stored = async (id: string): Promise<ConversationDocument> => {
  const { connection } = app.context.mongo
  const found = await connection
    .getClient()
    .db(connection.name)
    .collection<ConversationDocument>('conversations')
    .findOne({ _id: new Types.ObjectId(id) })
  if (!found) throw new Error('it is stored')
  return found
}
const rolesOf = ({ members }: Pick<ConversationDocument, 'members'>): string[] => members.map(({ role }) => role).toSorted()

describe('at once, at two workers,', () => {
  it('an owner makes two members the owner: one of them is, and nobody else', async () => {
    const { owner, members, conversation } = await aGroup(app, 3)
    const [, one, other] = members
    const make = (n: number, person?: Person) =>
      ask(n, owner, 'PATCH', `/conversations/${conversation.id}/members/${person?.id}`, { role: 'owner' })
    expect((await Promise.all([make(0, one), make(1, other)])).toSorted((a, b) => a - b)).toEqual([200, 403])
    expect(rolesOf(await stored(conversation.id))).toEqual(['admin', 'member', 'owner'])
  })

  it('an owner removes whom they hand over to, who removes another: one owner is left, and what was answered is so', async () => {
    for (let round = 0; round < 5; round++) {
      const { owner, members, conversation } = await aGroup(app, 3)
      const [, one, other] = members
      if (!one || !other) throw new Error('three were made')
      const path = `/conversations/${conversation.id}/members`
      await owner.patch(`${path}/${one.id}`, { role: 'admin' }).expect(200)
      const statuses = await Promise.all([
        ask(round, owner, 'DELETE', `${path}/${one.id}`),
        ask(round + 1, one, 'DELETE', `${path}/${other.id}`),
        ask(round, owner, 'PATCH', `${path}/${one.id}`, { role: 'owner' }),
      ])
      const { members: left } = await stored(conversation.id)
      expect(left.filter(({ role }) => role === 'owner')).toHaveLength(1)
      const ids = new Set(left.map(({ userId }) => userId.toHexString()))
      expect(statuses[0] === 204).toBe(!ids.has(one.id))
      expect(statuses[1] === 204).toBe(!ids.has(other.id))
    }
  })

  it('two admins remove each other: both are refused and stay; where one of them is made the owner meanwhile, one stays who runs the group', async () => {
    for (let round = 0; round < 10; round++) {
      const { owner, members, conversation } = await aGroup(app, 3)
      const [, ann = owner, bob = owner] = members
      const [path, role] = [`/conversations/${conversation.id}/members`, { role: 'admin' }]
      expect([await ask(0, owner, 'PATCH', `${path}/${ann.id}`, role), await ask(1, owner, 'PATCH', `${path}/${bob.id}`, role)]).toEqual([
        200, 200,
      ])
      const removals = () => [ask(0, ann, 'DELETE', `${path}/${bob.id}`), ask(1, bob, 'DELETE', `${path}/${ann.id}`)]
      expect(await Promise.all(removals())).toEqual([403, 403])
      const [handedOver, byAnn, byBob] = await Promise.all([ask(0, owner, 'PATCH', `${path}/${ann.id}`, { role: 'owner' }), ...removals()])
      expect([handedOver, byBob]).toEqual([200, 403])
      const left = (await stored(conversation.id)).members
      expect(left.some(({ userId }) => userId.toHexString() === bob.id)).toBe(byAnn !== 204)
      expect(left.filter(({ role }) => role === 'owner').map(({ userId }) => userId.toHexString())).toEqual([ann.id])
    }
  })

  it('a hand-over meets the leaving of who gets it and of who gives it: the group has one owner, or is closed', async () => {
    for (let round = 0; round < 6; round++) {
      const { owner, members, conversation } = await aGroup(app, 3)
      const heir = members[1]
      if (!heir) throw new Error('three were made')
      const path = `/conversations/${conversation.id}`
      const statuses = await Promise.all([
        ask(round, owner, 'PATCH', `${path}/members/${heir.id}`, { role: 'owner' }),
        ask(round + 1, heir, 'POST', `${path}/leave`),
        ...(round % 2 === 0 ? [ask(round, owner, 'POST', `${path}/leave`)] : []),
      ])
      expect([200, 404]).toContain(statuses[0])
      expect(statuses.slice(1).every((status) => status === 204)).toBe(true)
      const after = await stored(conversation.id)
      expect(after.members).toHaveLength(round % 2 === 0 ? 1 : 2)
      expect(after.members.filter(({ role }) => role === 'owner')).toHaveLength(1)
    }
  })

  it('all leave: nobody is left, and the group is closed', async () => {
    const { members, conversation } = await aGroup(app, 12)
    const statuses = await Promise.all(members.map((person, n) => ask(n, person, 'POST', `/conversations/${conversation.id}/leave`)))
    expect(statuses).toEqual(members.map(() => 204))
    expect(await stored(conversation.id)).toMatchObject({ members: [], deletedAt: expect.any(Date), version: 13 })
  })

  it('many are added where few have room: the group has 1,024 members, each once', async () => {
    const [owner, many, more] = [await aPerson(app), await peopleInNumbers(app, 1015), await peopleInNumbers(app, 12)]
    const { body } = await owner.post('/conversations', { type: 'group', name: 'Many', memberIds: many }).expect(201)
    // Each is asked for twice, at both workers: 12 people, 8 places.
    const adding = [...more, ...more].map((id, n) =>
      ask(n < 12 ? n : n + 1, owner, 'POST', `/conversations/${body.id}/members`, { userIds: [id] }),
    )
    const statuses = await Promise.all(adding)
    expect(new Set(statuses)).toEqual(new Set([200, 409]))
    const { members, version } = await stored(body.id)
    expect(members).toHaveLength(1024)
    expect(new Set(members.map(({ userId }) => userId.toHexString())).size).toBe(1024)
    expect(version).toBe(9)
  }, 120_000)

  it('many change many things: each that was answered is there, by its own version', async () => {
    const { owner, members, conversation } = await aGroup(app, 8)
    const path = `/conversations/${conversation.id}`
    const statuses = await Promise.all(
      members
        .slice(1)
        .flatMap((person, n) => [
          ask(n, owner, 'PATCH', `${path}/members/${person.id}`, { role: 'admin' }),
          ask(n + 1, owner, 'PATCH', path, { name: `Hill ${n}` }),
        ]),
    )
    expect(statuses).toEqual(statuses.map(() => 200))
    expect(await stored(conversation.id)).toMatchObject({ version: 15 })
    expect(rolesOf(await stored(conversation.id))).toEqual([...Array<string>(7).fill('admin'), 'owner'])
  })
})

describe('whatever is done by whom, in whichever order,', () => {
  const ids = Array.from({ length: 6 }, (_, n) => new Types.ObjectId(String(n + 1).padStart(24, '0')))
  const person = fc.nat(ids.length - 1)
  const deed = fc.oneof(
    fc.record({ by: person, does: fc.constant('add' as const), whom: person }),
    fc.record({ by: person, does: fc.constant('remove' as const), whom: person }),
    fc.record({ by: person, does: fc.constant('leave' as const), whom: person }),
    fc.record({ by: person, does: fc.constantFrom('owner' as const, 'admin' as const, 'member' as const), whom: person }),
  )
  const idOf = (n: number): string => ids[n]?.toHexString() ?? ''
  const decide = (does: string, whom: string) => (situation: Situation) => {
    if (does === 'add') return adding([whom], { unknown: new Set(), since: undefined, head: 0 })(situation)
    if (does === 'remove') return removing(whom)(situation)
    if (does === 'leave') return leaving(situation)
    return changingRole(whom, does === 'owner' || does === 'admin' ? does : 'member')(situation)
  }

  it('a group has one owner, or nobody at all; nobody is in it twice; what is told is what became of it', () => {
    const begun = (): ConversationDocument => ({
      _id: new Types.ObjectId(),
      type: 'group',
      name: 'The hill',
      description: null,
      members: ids
        .slice(0, 3)
        .map((userId, n): Member => ({ userId, role: n === 0 ? 'owner' : 'member', joinedAt: new Date(n), joinedSeq: 0 })),
      lastSeq: 0,
      lastMessageAt: new Date(0),
      createdAt: new Date(0),
      version: 1,
    })
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 40 }), (deeds) => {
        const conversation = begun()
        const told = new Map(conversation.members.map(({ userId, role }) => [userId.toHexString(), role as string]))
        for (const [n, { by, does, whom }] of deeds.entries()) {
          const actor = conversation.members.find(({ userId }) => userId.toHexString() === idOf(by))
          if (!actor) continue
          try {
            const change = decide(does, idOf(whom))({ conversation, actor, at: new Date(1000 + n) })
            Object.assign(conversation, change?.set)
            for (const { type, data } of change?.events ?? []) {
              for (const id of data['userIds']?.split(' ') ?? []) {
                if (type === 'member.removed') told.delete(id)
                else told.set(id, data['role'] ?? '')
              }
            }
          } catch (error) {
            if (!(error instanceof Problem)) throw error
          }
          const members = conversation.members.map(({ userId, role }): [string, string] => [userId.toHexString(), role])
          expect(members.filter(([, role]) => role === 'owner')).toHaveLength(members.length === 0 ? 0 : 1)
          expect(new Map(members)).toEqual(told)
          expect(members).toHaveLength(told.size)
          expect(conversation.deletedAt !== undefined).toBe(members.length === 0)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('a queue by keys', () => {
  it('runs what shares a key one after another, though one fails, and the rest at once; refuses what would wait behind too many', async () => {
    const queue = new KeyedQueue({ mostWaiting: 3 })
    const order: string[] = []
    let open: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const first = queue.run('a', async () => {
      await gate
      order.push('a1')
      throw new Error('it fails')
    })
    const second = queue.run('a', () => Promise.resolve(order.push('a2')))
    const third = queue.run('a', () => Promise.resolve(order.push('a3')))
    expect(queue.run('a', () => Promise.resolve(0))).toBeUndefined()
    await queue.run('b', () => Promise.resolve(order.push('b')))
    open()
    await expect(first).rejects.toThrow('it fails')
    await Promise.all([second, third])
    expect(order).toEqual(['b', 'a1', 'a2', 'a3'])
    expect(await queue.run('a', () => Promise.resolve('again'))).toBe('again')
  })
})
