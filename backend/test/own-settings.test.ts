import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outboxEntry } from '../src/realtime/outbox-entry.js'
import { hasDied } from './support/dead-worker.js'
import { aStream, deadline } from './support/listening.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { plansOf } from './support/plans.js'
import type { SseClient } from './support/sse-client.js'
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

interface Conversation {
  readonly id: string
}
const path = ({ id }: Conversation) => `/conversations/${id}`
const set = (person: Person, conversation: Conversation, settings: object) => person.put(`${path(conversation)}/settings`).send(settings)
const myOf = async (person: Person, conversation: Conversation) => (await person.get(path(conversation)).expect(200)).body.my
const listOf = async (person: Person, query = ''): Promise<string[]> =>
  (await person.get(`/conversations${query}`).expect(200)).body.items.map(({ id }: Conversation) => id)
const inAnHour = (): string => new Date(Date.now() + 3_600_000).toISOString()
/** The conversation counts the message: its list follows that. */
const said = async (from: Person, conversation: Conversation): Promise<void> => {
  const { body } = await from.send(conversation.id, {}).expect(201)
  await expect.poll(async () => (await from.get(path(conversation))).body.lastSeq, deadline).toBeGreaterThanOrEqual(body.seq)
}
const groupsOf = async (owner: Person, count: number): Promise<Conversation[]> => {
  const other = await aPerson(app)
  const groups: Conversation[] = []
  for (let n = 0; n < count; n++) {
    groups.push((await owner.post('/conversations', { type: 'group', name: `Hill ${n}`, memberIds: [other.id] }).expect(201)).body)
  }
  return groups
}
/** But for its beginning, which may be told late. */
const toldOf = (stream: SseClient, { id }: Conversation) =>
  stream.events
    .filter(({ event, data }) => event !== 'conversation.created' && (data as { conversationId?: string }).conversationId === id)
    .map(({ event, data }) => [event, (data as { conversation?: { my?: object } }).conversation?.my])

describe('one’s own settings of a conversation', () => {
  it.each([
    ['pinned', ''],
    ['archived', '?archived=true'],
  ])('put one that was taken off the list on a list again where it is %s', async (setting, query) => {
    const { ann, conversation } = await aDirectConversation(app)
    const { cursor } = (await ann.get('/sync').expect(200)).body
    await ann.delete(path(conversation)).expect(204)
    await set(ann, conversation, { mutedUntil: inAnHour() }).expect(200)
    expect(await listOf(ann, query)).not.toContain(conversation.id)
    await set(ann, conversation, { [setting]: true }).expect(200)
    expect(await listOf(ann, query)).toContain(conversation.id)
    const { items, removed } = (await ann.get(`/sync?since=${cursor}`).expect(200)).body
    expect([items.map(({ id }: Conversation) => id), removed]).toEqual([[conversation.id], []])
  })

  it('are nobody else’s, and what is not given stays', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const mutedUntil = inAnHour()
    const { body } = await set(ann, conversation, { mutedUntil }).expect(200)
    expect(body.my).toMatchObject({ archived: false, pinned: false, mutedUntil })
    await set(ann, conversation, { pinned: true }).expect(200)
    expect(await myOf(ann, conversation)).toMatchObject({ archived: false, pinned: true, mutedUntil })
    expect(await myOf(bob, conversation)).toMatchObject({ archived: false, pinned: false, mutedUntil: null })
    await set(ann, conversation, { mutedUntil: null, pinned: false }).expect(200)
    expect(await myOf(ann, conversation)).toMatchObject({ pinned: false, mutedUntil: null })
  })

  it('are the same again without a change', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const settings = { archived: true, mutedUntil: inAnHour() }
    const { body } = await set(ann, conversation, settings).expect(200)
    expect((await set(ann, conversation, settings).expect(200)).body.version).toBe(body.version)
  })

  it('are told to one’s other devices at every worker, and to nobody else', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const [anns, bobs] = await Promise.all([aStream(ann, neighbour), aStream(bob, neighbour)])
    await set(ann, conversation, { archived: true }).expect(200)
    await expect
      .poll(() => toldOf(anns, conversation), deadline)
      .toEqual([['conversation.updated', expect.objectContaining({ archived: true })]])
    await said(bob, conversation)
    await expect.poll(() => toldOf(bobs, conversation).map(([event]) => event), deadline).toContain('message.created')
    expect(toldOf(bobs, conversation).map(([event]) => event)).not.toContain('conversation.updated')
  })

  it('are told by another worker when the one that stored them died before', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const stream = await aStream(ann, neighbour)
    const dead = randomUUID()
    const { connection } = app.context.mongo
    const outbox = outboxEntry(dead, 'conversation.updated', new Date(), { userIds: ann.id, own: 'true', by: ann.id, version: '2' })
    await connection
      .collection<{ outbox: object[] }>('conversations')
      .updateOne(
        { _id: new Types.ObjectId(conversation.id), 'members.userId': new Types.ObjectId(ann.id) },
        { $set: { 'members.$.archivedSeq': 0 }, $inc: { version: 1 }, $push: { outbox } },
      )
    await hasDied(app, dead)
    for (let n = 0; n < 2; n++) await Promise.all([app.context.sweeper.sweep(), neighbour.context.sweeper.sweep()])
    await expect
      .poll(() => toldOf(stream, conversation), deadline)
      .toEqual([['conversation.updated', expect.objectContaining({ archived: true })]])
  })

  it('are listed by /sync as a change', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const { cursor } = (await ann.get('/sync').expect(200)).body
    await set(ann, conversation, { archived: true }).expect(200)
    const { items } = (await ann.get(`/sync?since=${cursor}`).expect(200)).body
    expect(items).toMatchObject([{ id: conversation.id, my: { archived: true } }])
  })

  it('end with the membership: who comes again begins anew, and the pin is free', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const [, ann = owner] = members
    await set(ann, conversation, { pinned: true, mutedUntil: inAnHour() }).expect(200)
    await ann.post(`${path(conversation)}/leave`, {}).expect(204)
    await owner.post(`${path(conversation)}/members`, { userIds: [ann.id] }).expect(200)
    expect(await myOf(ann, conversation)).toMatchObject({ pinned: false, mutedUntil: null })
    for (const group of await groupsOf(ann, 5)) await set(ann, group, { pinned: true }).expect(200)
  })

  it('leave room for who runs a group, however often they change', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const [, ann = owner] = members
    const entry = outboxEntry('another', 'conversation.updated', new Date(), { userIds: ann.id, own: 'true' })
    await app.context.mongo.connection
      .collection('conversations')
      .updateOne({ _id: new Types.ObjectId(conversation.id) }, { $set: { outbox: Array.from({ length: 100 }, () => entry) } })
    await set(ann, conversation, { archived: true }).expect(503)
    await owner.patch(path(conversation), { name: 'Beacon' }).expect(200)
  })

  it.each([
    {},
    { archived: 'yes' },
    { pinned: null },
    { mutedUntil: 'tomorrow' },
    { mutedUntil: 1 },
    { mutedUntil: '2026-13-01T00:00:00Z' },
    { archived: true, pinned: true },
    { other: true },
  ])('are not %j', async (settings) => {
    const { ann, conversation } = await aDirectConversation(app)
    const { body } = await set(ann, conversation, settings).expect(400)
    expect(body.code).toBe('validation_failed')
  })
})

describe('the archive', () => {
  it('is a list of its own, and gives a conversation back when a message comes', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    await said(bob, conversation)
    await set(ann, conversation, { archived: true }).expect(200)
    expect([await listOf(ann), await listOf(ann, '?archived=false'), await listOf(ann, '?archived=true')]).toEqual([
      [],
      [],
      [conversation.id],
    ])
    expect(await listOf(bob)).toEqual([conversation.id])
    await said(bob, conversation)
    expect([await listOf(ann), await listOf(ann, '?archived=true')]).toEqual([[conversation.id], []])
    expect(await myOf(ann, conversation)).toMatchObject({ archived: false })
  })

  it('keeps a conversation that is muted, whatever comes, and once it is not muted any more until the next message', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    await set(ann, conversation, { archived: true, mutedUntil: inAnHour() }).expect(200)
    await said(bob, conversation)
    expect([await listOf(ann), await listOf(ann, '?archived=true')]).toEqual([[], [conversation.id]])
    await set(ann, conversation, { mutedUntil: null }).expect(200)
    expect(await listOf(ann, '?archived=true')).toEqual([conversation.id])
    await said(bob, conversation)
    expect(await listOf(ann)).toEqual([conversation.id])
  })

  it('counts a message that the conversation does not know of yet as there before', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    await said(bob, conversation)
    const conversations = app.context.mongo.connection.collection('conversations')
    await conversations.updateOne({ _id: new Types.ObjectId(conversation.id) }, { $set: { lastSeq: 0 } })
    await set(ann, conversation, { archived: true }).expect(200)
    await conversations.updateOne({ _id: new Types.ObjectId(conversation.id) }, { $set: { lastSeq: 1 } })
    expect(await myOf(ann, conversation)).toMatchObject({ archived: true })
  })

  it('takes a pin away, and a pin takes out of it', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    await set(ann, conversation, { pinned: true }).expect(200)
    expect((await set(ann, conversation, { archived: true }).expect(200)).body.my).toMatchObject({ archived: true, pinned: false })
    expect((await set(ann, conversation, { pinned: true }).expect(200)).body.my).toMatchObject({ archived: false, pinned: true })
  })
})

describe('a mute', () => {
  it('that is over is none', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const { body } = await set(ann, conversation, { mutedUntil: new Date(Date.now() - 1000).toISOString() }).expect(200)
    expect(body.my.mutedUntil).toBeNull()
  })
})

describe('pins', () => {
  it('are five at most', async () => {
    const ann = await aPerson(app)
    const groups = await groupsOf(ann, 6)
    for (const group of groups.slice(0, 5)) await set(ann, group, { pinned: true }).expect(200)
    const [first = { id: '' }, , , , , sixth = { id: '' }] = groups
    expect((await set(ann, sixth, { pinned: true }).expect(409)).body).toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('5'),
    })
    await set(ann, first, { pinned: true }).expect(200) // it is already
    await set(ann, first, { pinned: false }).expect(200)
    await set(ann, sixth, { pinned: true }).expect(200)
  })

  it('are five when a hundred are set at once, at two workers', async () => {
    const ann = await aPerson(app)
    const groups = await groupsOf(ann, 100)
    const pin = ({ id }: Conversation, n: number) =>
      (n % 2 === 0 ? app : neighbour).request
        .put(`/api/v1/conversations/${id}/settings`)
        .auth(ann.accessToken, { type: 'bearer' })
        .send({ pinned: true })
    const answers = await Promise.all(groups.map(pin))
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b)
    expect(statuses).toEqual([...Array<number>(5).fill(200), ...Array<number>(95).fill(409)])
    const { items } = (await ann.get('/conversations?limit=100').expect(200)).body
    const pinned = items.map(({ my }: { my: { pinned: boolean } }) => my.pinned)
    expect(pinned).toEqual([...Array<boolean>(5).fill(true), ...Array<boolean>(95).fill(false)])
  }, 120_000)
})

describe('the list of conversations', () => {
  it('has the pinned ones before, then the newest activity first, page by page, whatever is pinned meanwhile', async () => {
    const ann = await aPerson(app)
    const groups = await groupsOf(ann, 9)
    for (const group of groups) await said(ann, group)
    const ids = groups.map(({ id }) => id)
    const at = (n: number): Conversation => ({ id: ids[n] ?? '' })
    for (const n of [2, 0, 1]) await set(ann, at(n), { pinned: true }).expect(200)
    const expected = [2, 1, 0, 8, 7, 6, 5, 4, 3].map((n) => ids[n])
    expect(await listOf(ann)).toEqual(expected)
    for (const limit of [1, 2, 3, 4, 100]) {
      const seen: string[] = []
      for (let cursor: string | null = ''; cursor !== null; ) {
        const query: string = cursor === '' ? '' : `&cursor=${cursor}`
        const { body } = await ann.get(`/conversations?limit=${limit}${query}`).expect(200)
        seen.push(...body.items.map(({ id }: Conversation) => id))
        cursor = body.nextCursor
        await set(ann, at(3), { pinned: true }).expect(200) // it has yet to come
        await set(ann, at(2), { pinned: false }).expect(200) // it has come
      }
      expect([limit, seen]).toEqual([limit, expected])
      await set(ann, at(3), { pinned: false }).expect(200)
      await set(ann, at(2), { pinned: true }).expect(200)
    }
  }, 120_000)

  it('of the archived ones is paged too, and its cursor is no other list’s', async () => {
    const ann = await aPerson(app)
    const groups = await groupsOf(ann, 3)
    for (const group of groups) await set(ann, group, { archived: true }).expect(200)
    const { body } = await ann.get('/conversations?archived=true&limit=2').expect(200)
    const next = await ann.get(`/conversations?archived=true&limit=2&cursor=${body.nextCursor}`).expect(200)
    expect([...body.items, ...next.body.items].map(({ id }) => id)).toEqual(groups.map(({ id }) => id).toReversed())
    expect(next.body.nextCursor).toBeNull()
    await ann.get(`/conversations?cursor=${body.nextCursor}`).expect(400)
  })

  it.each(['yes', '', '1', 'TRUE'])('is not asked for with archived=%s', async (archived) => {
    const ann = await aPerson(app)
    await ann.get(`/conversations?archived=${archived}`).expect(400)
  })

  it('is read by an index, whatever is asked for', async () => {
    const ann = await aPerson(app)
    const [one = { id: '' }, other = { id: '' }] = await groupsOf(ann, 3)
    await set(ann, one, { pinned: true }).expect(200)
    await set(ann, other, { archived: true }).expect(200)
    const { nextCursor } = (await ann.get('/conversations?limit=1').expect(200)).body
    const indexesOf = async (query: string) =>
      (await plansOf(app, 'conversations', () => ann.get(`/conversations${query}`).expect(200))).map(({ index }) => index)
    expect(new Set(await indexesOf(''))).toEqual(new Set(['member_last_message', 'pins']))
    expect(await indexesOf('?archived=true')).toEqual(['member_last_message'])
    expect(await indexesOf(`?cursor=${nextCursor}`)).toEqual(['member_last_message'])
  })
})

describe('a direct conversation that one of the two deletes', () => {
  it('leaves their list and no other, until a message comes, with all that was said', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    await said(bob, conversation)
    await ann.delete(path(conversation)).expect(204)
    expect([await listOf(ann), await listOf(ann, '?archived=true'), await listOf(bob)]).toEqual([[], [], [conversation.id]])
    await ann.delete(path(conversation)).expect(204)
    await ann.get(path(conversation)).expect(200)
    await said(bob, conversation)
    expect(await listOf(ann)).toEqual([conversation.id])
    expect((await ann.get(`${path(conversation)}/messages`).expect(200)).body.items).toHaveLength(2)
  })

  it('leaves the list of their other devices, which hear of what is said there all the same', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const [anns, bobs] = await Promise.all([aStream(ann, neighbour), aStream(bob, neighbour)])
    await ann.delete(path(conversation)).expect(204)
    await expect.poll(() => toldOf(anns, conversation).map(([event]) => event), deadline).toEqual(['conversation.deleted'])
    await said(bob, conversation)
    await expect.poll(() => toldOf(anns, conversation).map(([event]) => event), deadline).toContain('message.created')
    expect(toldOf(bobs, conversation).map(([event]) => event)).not.toContain('conversation.deleted')
  })

  it('is removed by /sync, and back there with the next message', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { cursor } = (await ann.get('/sync').expect(200)).body
    await ann.delete(path(conversation)).expect(204)
    expect((await ann.get(`/sync?since=${cursor}`).expect(200)).body).toMatchObject({ items: [], removed: [conversation.id] })
    expect((await ann.get('/sync').expect(200)).body).toMatchObject({ items: [], removed: [] })
    await said(bob, conversation)
    expect((await ann.get(`/sync?since=${cursor}`).expect(200)).body).toMatchObject({ items: [{ id: conversation.id }], removed: [] })
  })

  it('is pinned no more', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    await set(ann, conversation, { pinned: true }).expect(200)
    await ann.delete(path(conversation)).expect(204)
    expect([await listOf(ann), (await myOf(ann, conversation)).pinned]).toEqual([[], false])
  })
})
