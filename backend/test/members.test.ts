import { Types } from 'mongoose'
import type { Test } from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Action, permissions } from '../src/features/conversations/permissions.js'
import { aDirectConversation, aPerson, type Person, peopleInNumbers } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const nobody = '0'.repeat(24)
const roles = ['owner', 'admin', 'member'] as const
let app: TestApp
let people: Record<(typeof roles)[number] | 'otherAdmin' | 'otherMember' | 'outsider', Person>

beforeAll(async () => {
  app = await startTestApp()
  const [owner, admin, member, otherAdmin, otherMember, outsider] = await Promise.all([
    aPerson(app, { name: 'Owner' }),
    aPerson(app, { name: 'Admin' }),
    aPerson(app, { name: 'Member' }),
    aPerson(app, { name: 'Other admin' }),
    aPerson(app, { name: 'Other member' }),
    aPerson(app, { name: 'Outsider' }),
  ])
  people = { owner, admin, member, otherAdmin, otherMember, outsider }
})
afterAll(() => app.close())

/** A group with an owner, two admins and two members; its path. */
const aGroupOfFive = async (): Promise<string> => {
  const { owner, admin, member, otherAdmin, otherMember } = people
  const memberIds = [admin, member, otherAdmin, otherMember].map(({ id }) => id)
  const { body } = await owner.post('/conversations', { type: 'group', name: 'The hill', memberIds }).expect(201)
  const path = `/conversations/${body.id}`
  for (const { id } of [admin, otherAdmin]) await owner.patch(`${path}/members/${id}`, { role: 'admin' }).expect(200)
  return path
}
const rolesIn = async (path: string, viewer: Person = people.owner): Promise<Record<string, string>> => {
  const { body } = await viewer.get(`${path}/members`).expect(200)
  return Object.fromEntries(body.items.map(({ userId, role }: { userId: string; role: string }) => [userId, role]))
}
const stateOf = async (path: string) => {
  const { body } = await people.owner.get(path).expect(200)
  return { name: body.name, description: body.description, version: body.version, roles: await rolesIn(path) }
}

describe('who may what in a group', () => {
  const actions: Record<Exclude<Action, 'deleteMessages'>, (who: Person, path: string) => Test> = {
    edit: (who, path) => who.patch(path, { name: 'Another hill' }),
    delete: (who, path) => who.delete(path),
    addMembers: (who, path) => who.post(`${path}/members`, { userIds: [people.outsider.id] }),
    invite: (who, path) => who.post(`${path}/invites`, {}),
    changeRoles: (who, path) => who.patch(`${path}/members/${people.otherMember.id}`, { role: 'admin' }),
    'remove:member': (who, path) => who.delete(`${path}/members/${people.otherMember.id}`),
    'remove:admin': (who, path) => who.delete(`${path}/members/${people.otherAdmin.id}`),
    'remove:owner': (who, path) => who.delete(`${path}/members/${people.owner.id}`),
  }
  const cases = Object.keys(actions).flatMap((action) => roles.map((role) => ({ role, action: action as keyof typeof actions })))
  /** The contract in so many words. */
  const allowed = {
    owner: ['addMembers', 'changeRoles', 'delete', 'deleteMessages', 'edit', 'invite', 'remove:admin', 'remove:member'],
    admin: ['addMembers', 'deleteMessages', 'edit', 'invite', 'remove:member'],
    member: [],
  }

  it('is what the contract says', () => {
    expect(Object.fromEntries(Object.entries(permissions).map(([role, actions]) => [role, actions.toSorted()]))).toEqual(allowed)
  })

  it.each(cases.filter(({ role, action }) => permissions[role].includes(action)))('$role may $action', async ({ role, action }) => {
    const answer = await actions[action](people[role], await aGroupOfFive())
    expect([200, 201, 204]).toContain(answer.status)
  })

  it.each(cases.filter(({ role, action }) => !permissions[role].includes(action) && !(role === 'owner' && action === 'remove:owner')))(
    '$role may not $action, and nothing changes',
    async ({ role, action }) => {
      const path = await aGroupOfFive()
      const before = await stateOf(path)
      const { body } = await actions[action](people[role], path).expect(403)
      expect(body).toMatchObject({ code: 'forbidden', detail: expect.any(String) })
      expect(await stateOf(path)).toEqual(before)
    },
  )

  it.each(Object.keys(actions) as (keyof typeof actions)[])('an outsider may not %s, nor tell that the group exists', async (action) => {
    const path = await aGroupOfFive()
    const { body } = await actions[action](people.outsider, path).expect(404)
    const unknown = await actions[action](people.outsider, `/conversations/${nobody}`).expect(404)
    expect({ ...body, requestId: '' }).toEqual({ ...unknown.body, requestId: '' })
  })

  it('any member sends, reads, lists the members and leaves; an outsider does none of it', async () => {
    const path = await aGroupOfFive()
    await people.member.send(path.slice('/conversations/'.length), {}).expect(201)
    for (const suffix of ['', '/messages', '/members']) {
      await people.member.get(path + suffix).expect(200)
      await people.outsider.get(path + suffix).expect(404)
    }
    await people.outsider.post(`${path}/leave`, {}).expect(404)
    await people.member.post(`${path}/leave`, {}).expect(204)
    for (const suffix of ['', '/messages', '/members']) await people.member.get(path + suffix).expect(404)
    await people.member.send(path.slice('/conversations/'.length), {}).expect(404)
  })
})

describe('adding members', () => {
  it('answers with who is new, as members who came now; who is a member already is passed over', async () => {
    const path = await aGroupOfFive()
    const { outsider, member } = people
    const before = await stateOf(path)
    const { body } = await people.admin.post(`${path}/members`, { userIds: [member.id, outsider.id] }).expect(200)
    expect(body.items).toEqual([
      {
        userId: outsider.id,
        conversationId: path.slice('/conversations/'.length),
        role: 'member',
        joinedAt: expect.any(String),
        deliveredSeq: 0,
        readSeq: 0,
      },
    ])
    const again = await people.admin.post(`${path}/members`, { userIds: [outsider.id, people.owner.id] }).expect(200)
    expect(again.body.items).toEqual([])
    expect(await stateOf(path)).toMatchObject({ version: before.version + 1, roles: { ...before.roles, [outsider.id]: 'member' } })
    expect((await outsider.get(path).expect(200)).body).toMatchObject({ memberCount: 6, my: { role: 'member' } })
  })

  it('says from which message on a newcomer is there, however late what is derived from messages is', async () => {
    const path = await aGroupOfFive()
    const id = path.slice('/conversations/'.length)
    const lastSeq = async () => Number((await people.owner.get(path).expect(200)).body.lastSeq)
    for (const text of ['one', 'two']) await people.owner.send(id, { text }).expect(201)
    const { body: newest } = await people.owner.send(id, { text: 'three' }).expect(201)
    const conversations = app.context.mongo.connection.collection('conversations')
    await expect.poll(lastSeq).toBe(newest.seq)
    await conversations.updateOne({ _id: new Types.ObjectId(id) }, { $set: { lastSeq: 1 } })
    await people.admin.post(`${path}/members`, { userIds: [people.outsider.id] }).expect(200)
    expect((await people.outsider.get(path).expect(200)).body.my.joinedSeq).toBe(newest.seq)
  })

  it('lets a newcomer read what was said before', async () => {
    const path = await aGroupOfFive()
    await people.owner.send(path.slice('/conversations/'.length), { text: 'before' }).expect(201)
    await people.admin.post(`${path}/members`, { userIds: [people.outsider.id] }).expect(200)
    const texts = async () => {
      const { body } = await people.outsider.get(`${path}/messages`).expect(200)
      return body.items.map(({ text }: { text: string | null }) => text)
    }
    expect(await texts()).toContain('before')
  })

  it.each([
    ['nobody', { userIds: [] }, 'body.userIds'],
    ['somebody unknown', { userIds: [nobody] }, 'body.userIds.0'],
    ['the same person twice', { userIds: ['1'.repeat(24), '1'.repeat(24)] }, 'body.userIds'],
    ['101 at once', { userIds: Array.from({ length: 101 }, (_, n) => String(n).padStart(24, '0')) }, 'body.userIds'],
    ['what is no id', { userIds: [{ $gt: '' }] }, 'body.userIds.0'],
    ['something more', { userIds: ['1'.repeat(24)], role: 'owner' }, 'body'],
    ['no ids at all', {}, 'body.userIds'],
  ])('of %s is refused', async (_name, body, at) => {
    const path = await aGroupOfFive()
    const answer = await people.owner.post(`${path}/members`, body).expect(400)
    expect(answer.body).toMatchObject({ code: 'validation_failed', errors: [{ path: at }] })
    expect(Object.keys(await rolesIn(path))).toHaveLength(5)
  })

  it('stops at 1,024', async () => {
    const many = await peopleInNumbers(app, 1022)
    const { body } = await people.owner.post('/conversations', { type: 'group', name: 'Many', memberIds: many }).expect(201)
    const path = `/conversations/${body.id}`
    const two = { userIds: [people.admin.id, people.member.id] }
    expect((await people.owner.post(`${path}/members`, two).expect(409)).body.code).toBe('conflict')
    await people.owner.post(`${path}/members`, { userIds: [people.admin.id] }).expect(200)
    expect((await people.owner.post(`${path}/members`, { userIds: [people.member.id] }).expect(409)).body.code).toBe('conflict')
    await people.owner.post(`${path}/members`, { userIds: [people.admin.id, many[0]] }).expect(200)
  })
})

describe('the list of members', () => {
  it('shows each once, the longest-standing first, page by page, though some leave meanwhile', async () => {
    const path = await aGroupOfFive()
    await people.owner.post(`${path}/members`, { userIds: [people.outsider.id] }).expect(200)
    const first = await people.member.get(`${path}/members?limit=2`).expect(200)
    const seen: string[] = first.body.items.map(({ userId }: { userId: string }) => userId)
    await people.owner.delete(`${path}/members/${seen.find((id) => id !== people.owner.id)}`).expect(204)
    for (let { nextCursor } = first.body; nextCursor !== null; ) {
      const { body } = await people.outsider.get(`${path}/members?limit=2&cursor=${nextCursor}`).expect(200)
      seen.push(...body.items.map(({ userId }: { userId: string }) => userId))
      nextCursor = body.nextCursor
    }
    expect(seen.toSorted()).toEqual(
      Object.values(people)
        .map(({ id }) => id)
        .toSorted(),
    )
    expect(seen.at(-1)).toBe(people.outsider.id)
  })

  it.each(['limit=0', 'limit=101', 'cursor=x', `cursor=${Buffer.from('["now","then"]').toString('base64url')}`, 'role=owner'])(
    'is refused with %s',
    async (query) => {
      const { body } = await people.owner.get(`${await aGroupOfFive()}/members?${query}`).expect(400)
      expect(body.code).toBe('validation_failed')
    },
  )
})

describe('changing a role', () => {
  it('is answered with the member; the same role again changes nothing', async () => {
    const path = await aGroupOfFive()
    const change = () => people.owner.patch(`${path}/members/${people.member.id}`, { role: 'admin' }).expect(200)
    expect((await change()).body).toMatchObject({ userId: people.member.id, role: 'admin' })
    const { version } = await stateOf(path)
    await change()
    expect((await stateOf(path)).version).toBe(version)
    await people.owner.patch(`${path}/members/${people.member.id}`, { role: 'member' }).expect(200)
    expect((await rolesIn(path))[people.member.id]).toBe('member')
  })

  it('to owner hands the group over: its owner is an admin from then on', async () => {
    const path = await aGroupOfFive()
    await people.owner.patch(`${path}/members/${people.member.id}`, { role: 'owner' }).expect(200)
    const { owner, member } = people
    expect(await rolesIn(path)).toMatchObject({ [owner.id]: 'admin', [member.id]: 'owner' })
    await owner.delete(path).expect(403)
    await member.delete(`${path}/members/${owner.id}`).expect(204)
  })

  it('of the owner is a conflict: somebody has to be it', async () => {
    const path = await aGroupOfFive()
    const { body } = await people.owner.patch(`${path}/members/${people.owner.id}`, { role: 'member' }).expect(409)
    expect(body.code).toBe('conflict')
  })

  it('is refused for who is no member, and for what is no role', async () => {
    const path = await aGroupOfFive()
    await people.owner.patch(`${path}/members/${people.outsider.id}`, { role: 'admin' }).expect(404)
    for (const body of [{ role: 'king' }, {}, { role: ['owner'] }, { role: 'admin', joinedAt: 0 }]) {
      expect((await people.owner.patch(`${path}/members/${people.member.id}`, body).expect(400)).body.code).toBe('validation_failed')
    }
    await people.owner.patch(`${path}/members/x`, { role: 'admin' }).expect(400)
  })
})

describe('going', () => {
  it('of a removed member is at once: what they ask next is answered 404', async () => {
    const path = await aGroupOfFive()
    const id = path.slice('/conversations/'.length)
    await people.member.send(id, {}).expect(201) // known as a member from now on
    await people.admin.delete(`${path}/members/${people.member.id}`).expect(204)
    await people.member.send(id, {}).expect(404)
    await people.member.get(`${path}/messages`).expect(404)
    await people.admin.delete(`${path}/members/${people.member.id}`).expect(404)
    const { body } = await people.member.get('/conversations').expect(200)
    expect(body.items.map((item: { id: string }) => item.id)).not.toContain(id)
  })

  it('oneself is to leave', async () => {
    const path = await aGroupOfFive()
    for (const who of [people.owner, people.admin, people.member]) {
      expect((await who.delete(`${path}/members/${who.id}`).expect(409)).body.detail).toContain('leave')
    }
  })

  it('of the owner makes the longest-standing admin the owner, else the longest-standing member; of the last one closes the group', async () => {
    const { owner, admin, otherAdmin, member, otherMember, outsider } = people
    const path = await aGroupOfFive()
    const [first, second] = [admin, otherAdmin].toSorted((a, b) => a.id.localeCompare(b.id)) // they came at once
    await owner.post(`${path}/leave`, {}).expect(204)
    expect(await rolesIn(path, member)).toEqual({
      [first?.id ?? '']: 'owner',
      [second?.id ?? '']: 'admin',
      [member.id]: 'member',
      [otherMember.id]: 'member',
    })
    await second?.post(`${path}/leave`, {}).expect(204)
    await member.post(`${path}/leave`, {}).expect(204)
    await first?.post(`${path}/members`, { userIds: [outsider.id, member.id] }).expect(200)
    await first?.post(`${path}/leave`, {}).expect(204)
    expect(await rolesIn(path, otherMember)).toMatchObject({ [otherMember.id]: 'owner', [outsider.id]: 'member' })
    await otherMember.delete(`${path}/members/${outsider.id}`).expect(204)
    await member.post(`${path}/leave`, {}).expect(204)
    await otherMember.post(`${path}/leave`, {}).expect(204)
    for (const who of Object.values(people)) await who.get(path).expect(404)
    const { connection } = app.context.mongo
    const stored = await connection
      .collection('conversations')
      .findOne({ name: 'The hill', deletedAt: { $exists: true } }, { sort: { deletedAt: -1 } })
    expect(stored).toMatchObject({ members: [], deletedAt: expect.any(Date), changedAt: expect.any(Date) })
    expect(stored?._id.toHexString()).toBe(path.slice('/conversations/'.length))
  })
})

describe('changing a conversation', () => {
  it('is seen by all, and only what is named changes', async () => {
    const path = await aGroupOfFive()
    const { version } = await stateOf(path)
    const { body } = await people.admin.patch(path, { name: ' Beacon ', description: 'Two flashes:\nwe are seen' }).expect(200)
    expect(body).toMatchObject({ name: 'Beacon', description: 'Two flashes:\nwe are seen', version: version + 1, my: { role: 'admin' } })
    await people.admin.patch(path, { description: null }).expect(200)
    await people.admin.patch(path, { name: 'Beacon' }).expect(200) // as it is
    expect((await people.member.get(path).expect(200)).body).toMatchObject({ name: 'Beacon', description: null, version: version + 2 })
  })

  it.each([
    ['nothing', {}],
    ['no name', { name: null }],
    ['an empty name', { name: ' ' }],
    ['a name of 101', { name: 'x'.repeat(101) }],
    ['a name of two lines', { name: 'a\nb' }],
    ['an invisible description', { description: '\u200b' }],
    ['a description of 1,001', { description: 'x'.repeat(1001) }],
    ['a description of control characters', { description: 'a\u0000' }],
    ['half a character', { description: '\ud800' }],
    ['an operator', { name: { $set: 'x' } }],
    ['another field', { members: [] }],
  ])('to %s is refused', async (_name, body) => {
    expect((await people.owner.patch(await aGroupOfFive(), body).expect(400)).body.code).toBe('validation_failed')
  })
})

describe('a deleted group', () => {
  it('is gone for all its members, and stays as a document', async () => {
    const path = await aGroupOfFive()
    await people.owner.delete(path).expect(204)
    for (const who of Object.values(people)) await who.get(path).expect(404)
    await people.owner.delete(path).expect(404)
    await people.owner.post(`${path}/members`, { userIds: [people.member.id] }).expect(404)
    await people.member.send(path.slice('/conversations/'.length), {}).expect(404)
  })
})

describe('a direct conversation', () => {
  const asked: [string, (who: Person, other: Person, path: string) => Test][] = [
    ['edited', (who, _other, path) => who.patch(path, { name: 'Us' })],
    ['left', (who, _other, path) => who.post(`${path}/leave`, {})],
    ['joined by others', (who, _other, path) => who.post(`${path}/members`, { userIds: [people.outsider.id] })],
    ['rid of one', (who, other, path) => who.delete(`${path}/members/${other.id}`)],
    ['given roles', (who, other, path) => who.patch(`${path}/members/${other.id}`, { role: 'admin' })],
  ]
  it.each(asked)('is not %s', async (_name, ask) => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const path = `/conversations/${conversation.id}`
    const { body } = await ask(ann, bob, path).expect(409)
    expect(body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('direct') })
    expect((await ann.get(path).expect(200)).body).toEqual(conversation)
    await bob.get(path).expect(200)
    await people.outsider.get(`${path}/members`).expect(404)
  })
})

describe('a conversation with too much to tell', () => {
  it('is not changed for a while, and says when to try again; it can still be deleted', async () => {
    const path = await aGroupOfFive()
    const entry = { eventId: 'x', worker: 'another', at: new Date(), type: 'member.added', data: {} }
    const outbox = Array.from({ length: 200 }, () => ({ ...entry }))
    await app.context.mongo.connection
      .collection('conversations')
      .updateOne({ _id: new Types.ObjectId(path.slice('/conversations/'.length)) }, { $set: { outbox } })
    const answer = await people.owner.patch(path, { name: 'One more' }).expect(503)
    expect(answer.headers['retry-after']).toBeDefined()
    await people.owner.delete(path).expect(204)
    await people.owner.get(path).expect(404)
  })
})
