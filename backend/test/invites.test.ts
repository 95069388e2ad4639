import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ConversationDocument } from '../src/features/conversations/index.js'
import { goes } from './support/deletion.js'
import { aStream, deadline } from './support/listening.js'
import { aDirectConversation, aGroup, aPerson, type Person, peopleInNumbers } from './support/people.js'
import { plansOf } from './support/plans.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let neighbour: TestApp // another worker: same database, same Redis
beforeAll(async () => {
  app = await startTestApp({ LOG_LEVEL: 'info' })
  neighbour = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

interface Conversation {
  readonly id: string
}
interface Invite {
  readonly code: string
  readonly uses: number
}
const path = ({ id }: Conversation) => `/conversations/${id}`
const stored = () => app.context.mongo.connection.collection<ConversationDocument>('conversations')
const inviteTo = async (host: Person, group: Conversation, rules: object = {}): Promise<Invite> =>
  (await host.post(`${path(group)}/invites`, rules).expect(201)).body
const accept = (guest: Person, { code }: Pick<Invite, 'code'>, at = app) =>
  at.request.post(`/api/v1/invites/${code}/accept`).auth(guest.accessToken, { type: 'bearer' })
const invitesOf = async (host: Person, group: Conversation): Promise<Invite[]> =>
  (await host.get(`${path(group)}/invites`).expect(200)).body.items
const membersOf = async (host: Person, group: Conversation): Promise<number> => (await host.get(path(group)).expect(200)).body.memberCount
const inAnHour = (): string => new Date(Date.now() + 3_600_000).toISOString()
const unknownCode = 'x'.repeat(22)

describe('an invite', () => {
  it('is made with its code, its link and its rules', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    const expiresAt = inAnHour()
    const { body } = await owner.post(`${path(conversation)}/invites`, { expiresAt, maxUses: 3 }).expect(201)
    expect(body).toEqual({
      code: expect.stringMatching(/^[\w-]{22}$/),
      url: `http://localhost:5173/invite/${body.code}`,
      createdBy: owner.id,
      createdAt: expect.any(String),
      expiresAt,
      maxUses: 3,
      uses: 0,
    })
    expect(await inviteTo(owner, conversation)).toMatchObject({ expiresAt: null, maxUses: null })
  })

  it('leads into the group, where it is told to all of it, and has been used once', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const [, member = owner] = members
    const guest = await aPerson(app, { name: 'Guest' })
    const [guests, theirs] = await Promise.all([aStream(guest, neighbour), aStream(member, neighbour)])
    const invite = await inviteTo(owner, conversation)
    const { body } = await accept(guest, invite).expect(200)
    expect(body).toMatchObject({ id: conversation.id, memberCount: 3, my: { role: 'member' } })
    const isOf = (type: string) => (event: { event: string; data: unknown }) =>
      event.event === type && (event.data as { conversationId?: string }).conversationId === conversation.id
    await guests.waitFor(isOf('conversation.created'), deadline.timeout)
    await theirs.waitFor(isOf('member.added'), deadline.timeout)
    await owner.send(conversation.id, { text: 'welcome' }).expect(201)
    await guests.waitFor((event) => isOf('message.created')(event) && JSON.stringify(event.data).includes('welcome'), deadline.timeout)
    expect(await invitesOf(owner, conversation)).toMatchObject([{ code: invite.code, uses: 1 }])
  })

  it('lets in as many as it says, however many come at once, at two workers', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    const invite = await inviteTo(owner, conversation, { maxUses: 7 })
    const guests: Person[] = []
    while (guests.length < 50) guests.push(...(await Promise.all(Array.from({ length: 5 }, () => aPerson(app))))) // few hashes wait at once
    const answers = await Promise.all(guests.map((guest, n) => accept(guest, invite, n % 2 === 0 ? app : neighbour)))
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b)
    expect(statuses).toEqual([...Array<number>(7).fill(200), ...Array<number>(43).fill(409)])
    expect(await membersOf(owner, conversation)).toBe(9)
    expect(await invitesOf(owner, conversation)).toMatchObject([{ uses: 7 }])
  }, 120_000)

  it('that is accepted again, by a member too, is used no more: 200 with the conversation', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    const invite = await inviteTo(owner, conversation, { maxUses: 1 })
    const guest = await aPerson(app)
    await accept(guest, invite).expect(200)
    const answers = await Promise.all([guest, guest, owner].map((person) => accept(person, invite)))
    expect(answers.map(({ status, body }) => [status, body.id])).toEqual(Array.from({ length: 3 }, () => [200, conversation.id]))
    expect(await invitesOf(owner, conversation)).toMatchObject([{ uses: 1 }])
    expect((await accept(await aPerson(app), invite).expect(409)).body.detail).toContain('used')
  })

  it('that has expired leads nowhere, and is not shown any more', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    const invite = await inviteTo(owner, conversation, { expiresAt: inAnHour() })
    await stored().updateOne({ _id: new Types.ObjectId(conversation.id) }, { $set: { 'invites.0.expiresAt': new Date(Date.now() - 1) } })
    const { body } = await accept(await aPerson(app), invite).expect(409)
    expect(body).toMatchObject({ code: 'conflict', detail: 'The invite has expired' })
    expect([await membersOf(owner, conversation), await invitesOf(owner, conversation)]).toEqual([2, []])
  })

  it('that is revoked leads nowhere, as one that never was', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    const invite = await inviteTo(owner, conversation)
    const guest = await aPerson(app)
    await owner.delete(`/invites/${invite.code}`).expect(204)
    await owner.delete(`/invites/${invite.code}`).expect(404)
    const [revoked, unknown] = [await accept(guest, invite).expect(404), await accept(guest, { code: unknownCode }).expect(404)]
    expect({ ...revoked.body, requestId: '' }).toEqual({ ...unknown.body, requestId: '' })
    expect(await invitesOf(owner, conversation)).toEqual([])
  })

  it('into a full group says so, and is not used', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    const invite = await inviteTo(owner, conversation, { maxUses: 5 })
    const joinedAt = new Date()
    const many = (await peopleInNumbers(app, 1022)).map((id) => ({
      userId: new Types.ObjectId(id),
      role: 'member' as const,
      joinedAt,
      joinedSeq: 0,
    }))
    await stored().updateOne({ _id: new Types.ObjectId(conversation.id) }, { $push: { members: { $each: many } } })
    const { body } = await accept(await aPerson(app), invite).expect(409)
    expect(body.detail).toContain('1024')
    expect(await invitesOf(owner, conversation)).toMatchObject([{ uses: 0 }])
  }, 120_000)

  it('is none for whom the owner, or who made it, has blocked', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const [, admin = owner] = members
    await owner.patch(`${path(conversation)}/members/${admin.id}`, { role: 'admin' }).expect(200)
    const [ofOwner, ofAdmin] = [await inviteTo(owner, conversation), await inviteTo(admin, conversation)]
    const [one, other] = [await aPerson(app), await aPerson(app)]
    await owner.put(`/blocks/${one.id}`).expect(204)
    await admin.put(`/blocks/${other.id}`).expect(204)
    for (const invite of [ofOwner, ofAdmin]) await accept(one, invite).expect(404)
    await accept(other, ofAdmin).expect(404)
    await accept(other, ofOwner).expect(200)
    expect(await membersOf(owner, conversation)).toBe(3)
  })

  it('is gone with its group', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    const invite = await inviteTo(owner, conversation)
    await owner.delete(path(conversation)).expect(204)
    await accept(await aPerson(app), invite).expect(404)
  })

  it('leads to what is said from then on, where history is by joining', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    await owner.patch(path(conversation), { settings: { history: 'joined' } }).expect(200)
    await owner.send(conversation.id, { text: 'before' }).expect(201)
    const guest = await aPerson(app)
    const { body } = await accept(guest, await inviteTo(owner, conversation)).expect(200)
    expect(body.my.joinedSeq).toBe(1)
    const { items } = (await guest.get(`${path(conversation)}/messages?afterSeq=0`).expect(200)).body
    expect(items.every(({ seq }: { seq: number }) => seq > 1)).toBe(true)
  })

  it('is made, shown and revoked by who runs the group alone', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const [, member = owner] = members
    const outsider = await aPerson(app)
    const { code } = await inviteTo(owner, conversation)
    await member.post(`${path(conversation)}/invites`, {}).expect(403)
    await member.get(`${path(conversation)}/invites`).expect(403)
    await member.delete(`/invites/${code}`).expect(403)
    await outsider.post(`${path(conversation)}/invites`, {}).expect(404)
    await outsider.get(`${path(conversation)}/invites`).expect(404)
    await outsider.delete(`/invites/${code}`).expect(404)
    expect(await invitesOf(owner, conversation)).toHaveLength(1)
  })

  it('is none of a direct conversation', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    await ann.post(`${path(conversation)}/invites`, {}).expect(409)
  })

  it.each([
    { maxUses: 0 },
    { maxUses: 1.5 },
    { maxUses: 10_001 },
    { maxUses: '3' },
    { expiresAt: 'tomorrow' },
    { expiresAt: '2020-01-01T00:00:00Z' },
    { other: 1 },
  ])('is not made with %j', async (rules) => {
    const { owner, conversation } = await aGroup(app, 2)
    const { body } = await owner.post(`${path(conversation)}/invites`, rules).expect(400)
    expect(body.code).toBe('validation_failed')
  })

  it.each(['short', 'x'.repeat(23), 'ö'.repeat(22)])('has no code like %s', async (code) => {
    const ann = await aPerson(app)
    await ann.post(`/invites/${encodeURIComponent(code)}/accept`, {}).expect(400)
  })

  it('is found by an index', async () => {
    const ann = await aPerson(app)
    const plans = await plansOf(app, 'conversations', () => accept(ann, { code: unknownCode }).expect(404))
    expect(plans).toEqual([{ index: 'invite_code', sortsOrScans: false }])
  })

  it('keeps its code out of the log', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    const { code } = await inviteTo(owner, conversation)
    await accept(await aPerson(app), { code }).expect(200)
    await owner.delete(`/invites/${code}`).expect(204)
    await expect.poll(() => app.logs.filter((line) => line.includes('/invites/…')).length).toBeGreaterThanOrEqual(2)
    expect(app.logs.join('')).not.toContain(code)
  })

  it('that was made and answered to nobody is the same one when it is asked for again, after a worker that died, too', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    const key = randomUUID()
    const make = () =>
      owner
        .post(`${path(conversation)}/invites`, { maxUses: 2 })
        .set('Idempotency-Key', key)
        .expect(201)
    const first = await make()
    expect((await make()).body).toEqual(first.body)
    const keys = app.context.mongo.connection.collection<{ _id: string }>('idempotency_keys')
    await keys.updateMany({ _id: new RegExp(`^${owner.id}:`) }, { $set: { busyUntil: new Date(0) }, $unset: { answer: '' } })
    expect((await make()).body).toEqual(first.body)
    expect(await invitesOf(owner, conversation)).toHaveLength(1)
  })
})

describe('the invites of a group', () => {
  it('are a hundred at most; what has expired makes room', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    const now = new Date()
    const invites = Array.from({ length: 100 }, (_, n) => ({
      id: new Types.ObjectId(),
      code: `${n}`.padStart(22, '0'),
      createdBy: new Types.ObjectId(owner.id),
      createdAt: now,
      expiresAt: null,
      maxUses: null,
      uses: 0,
    }))
    const _id = new Types.ObjectId(conversation.id)
    await stored().updateOne({ _id }, { $set: { invites } })
    await owner.post(`${path(conversation)}/invites`, {}).expect(409)
    await stored().updateOne({ _id }, { $set: { 'invites.50.expiresAt': now } })
    await inviteTo(owner, conversation)
    const pages: Invite[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`
      const { body } = await owner.get(`${path(conversation)}/invites?limit=30${query}`).expect(200)
      pages.push(...body.items)
      cursor = body.nextCursor
    }
    expect(new Set(pages.map(({ code }) => code)).size).toBe(100)
  })
})

describe('the invites of who has deleted their account', () => {
  it('lead nowhere at once, also into a group that they had left, are listed no more, and make room', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const [, admin] = members
    if (!admin) throw new Error('a group of two')
    await owner.patch(`${path(conversation)}/members/${admin.id}`, { role: 'admin' }).expect(200)
    const { code } = await inviteTo(admin, conversation)
    const own = await inviteTo(owner, conversation)
    const [before, guest] = [await aPerson(app), await aPerson(app)]
    await accept(before, { code }).expect(200)
    await admin.post(`${path(conversation)}/leave`, {}).expect(204)
    await accept(await aPerson(app), { code }).expect(200) // who has left has not revoked it
    await goes(admin)
    expect((await accept(guest, { code }).expect(404)).body.code).toBe('not_found')
    expect((await accept(guest, { code }, neighbour).expect(404)).body.code).toBe('not_found')
    expect((await invitesOf(owner, conversation)).map((invite) => invite.code)).toEqual([own.code])
    await accept(guest, own).expect(200)
    await inviteTo(owner, conversation)
    const kept = await stored().findOne({ _id: new Types.ObjectId(conversation.id) })
    expect(kept?.invites?.map((invite) => invite.code)).not.toContain(code)
  })
})
