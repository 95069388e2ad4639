import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

const nobody = '0'.repeat(24)
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
const idsOf = (body: { items: { id: string }[] }): string[] => body.items.map(({ id }) => id)
/** Every page of a person's list, by cursor. */
const pagesOf = async (person: Person, limit: number): Promise<string[][]> => {
  const pages: string[][] = []
  for (let cursor = ''; ; ) {
    const { body } = await person.get(`/conversations?limit=${limit}${cursor && `&cursor=${cursor}`}`).expect(200)
    pages.push(idsOf(body))
    if (body.nextCursor === null) return pages
    cursor = body.nextCursor
  }
}
const aPair = async () => {
  const [ann, bob] = await Promise.all([aPerson(app), aPerson(app, { name: 'Bob' })])
  return { ann, bob }
}

describe('a direct conversation', () => {
  it('is begun by one and there for both', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const watermarks = { deliveredSeq: 0, readSeq: 0 }
    const member = (person: Person) => ({
      userId: person.id,
      conversationId: conversation.id,
      role: 'member',
      joinedAt: time,
      ...watermarks,
    })
    expect(conversation).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      type: 'direct',
      name: null,
      description: null,
      avatarUploadId: null,
      memberCount: 2,
      members: [member(ann), member(bob)],
      lastSeq: 0,
      lastMessage: null,
      mentionCount: 0,
      lastMessageAt: time,
      unreadCount: 0,
      settings: { history: 'all', disappearAfterSeconds: null },
      my: { role: 'member', joinedAt: time, joinedSeq: 0, ...watermarks, archived: false, pinned: false, mutedUntil: null },
      createdAt: time,
      version: 1,
    })
    expect((await bob.get(`/conversations/${conversation.id}`).expect(200)).body).toEqual(conversation)
  })

  it('is the same one when either begins it again: 200', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const again = await ann.post('/conversations', { type: 'direct', userId: bob.id }).expect(200)
    const other = await bob.post('/conversations', { type: 'direct', userId: ann.id }).expect(200)
    expect([again.body.id, other.body.id]).toEqual([conversation.id, conversation.id])
  })

  it('is one when both begin it 20 times at once', async () => {
    const { ann, bob } = await aPair()
    const begin = (one: Person, other: Person) => one.post('/conversations', { type: 'direct', userId: other.id })
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? begin(ann, bob) : begin(bob, ann))))
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([...Array<number>(19).fill(200), 201])
    expect((await ann.get('/conversations').expect(200)).body.items).toHaveLength(1)
  })

  it('is not begun with oneself or with nobody', async () => {
    const ann = await aPerson(app)
    const oneself = await ann.post('/conversations', { type: 'direct', userId: ann.id }).expect(400)
    expect(oneself.body.errors).toEqual([{ path: 'body.userId', message: 'oneself' }])
    const unknown = await ann.post('/conversations', { type: 'direct', userId: nobody }).expect(404)
    expect(unknown.body.code).toBe('not_found')
  })
})

describe('a group', () => {
  it('is made by its owner with its members', async () => {
    const { owner, members, conversation } = await aGroup(app, 4)
    expect(conversation).toMatchObject({ type: 'group', name: 'The hill', memberCount: 4, my: { role: 'owner', joinedSeq: 0 }, version: 1 })
    const seen = await members[3]?.get(`/conversations/${conversation.id}`).expect(200)
    expect(seen?.body.my.role).toBe('member')
    const roles = seen?.body.members.map(({ userId, role }: { userId: string; role: string }) => [userId, role])
    expect(roles).toEqual(members.map(({ id }) => [id, id === owner.id ? 'owner' : 'member']))
  })

  it('is another one each time, with the same name and people', async () => {
    const { ann, bob } = await aPair()
    const make = () => ann.post('/conversations', { type: 'group', name: 'Hill', memberIds: [bob.id] }).expect(201)
    const [one, other] = [await make(), await make()]
    expect(one.body.id).not.toBe(other.body.id)
  })

  it('shows the first 20 of its members, and how many there are', async () => {
    const { conversation } = await aGroup(app, 22)
    expect(conversation).toMatchObject({ memberCount: 22 })
    expect(conversation).toHaveProperty('members.length', 20)
  })

  const refused: [string, (ann: Person, bob: Person) => object, string][] = [
    ['oneself', (ann, bob) => ({ memberIds: [bob.id, ann.id] }), 'body.memberIds'],
    ['the same person twice', (_ann, bob) => ({ memberIds: [bob.id, bob.id] }), 'body.memberIds'],
    ['somebody unknown', (_ann, bob) => ({ memberIds: [bob.id, nobody] }), 'body.memberIds.1'],
    ['nobody', () => ({ memberIds: [] }), 'body.memberIds'],
    ['too many', () => ({ memberIds: Array.from({ length: 1024 }, (_, n) => n.toString(16).padStart(24, '0')) }), 'body.memberIds'],
    ['no id', (_ann, bob) => ({ memberIds: [bob.id, { $ne: null }] }), 'body.memberIds.1'],
    ['no name', (_ann, bob) => ({ memberIds: [bob.id], name: ' ' }), 'body.name'],
    ['an invisible name', (_ann, bob) => ({ memberIds: [bob.id], name: '\u200b' }), 'body.name'],
    ['a name of control characters', (_ann, bob) => ({ memberIds: [bob.id], name: 'a\u0000b' }), 'body.name'],
    ['too long a name', (_ann, bob) => ({ memberIds: [bob.id], name: 'x'.repeat(101) }), 'body.name'],
    ['another type', (_ann, bob) => ({ memberIds: [bob.id], type: 'channel' }), 'body.type'],
  ]
  it.each(refused)('is not made with %s', async (_name, given, path) => {
    const { ann, bob } = await aPair()
    const answer = await ann.post('/conversations', { type: 'group', name: 'Hill', ...given(ann, bob) }).expect(400)
    expect(answer.body.errors[0].path).toBe(path)
    expect((await ann.get('/conversations').expect(200)).body.items).toEqual([])
  })
})

describe('the list of conversations', () => {
  it('shows one’s own, newest activity first, page by page', async () => {
    const ann = await aPerson(app)
    const ids: string[] = []
    for (let n = 0; n < 7; n++) ids.unshift((await aGroup(app, 2, ann)).conversation.id)
    await aDirectConversation(app) // other people's
    expect(await pagesOf(ann, 3)).toEqual([ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)])
    expect(idsOf((await ann.get('/conversations').expect(200)).body)).toEqual(ids)
  })

  it('ends with a page that is just full', async () => {
    const ann = await aPerson(app)
    for (let n = 0; n < 2; n++) await aGroup(app, 2, ann)
    const { body } = await ann.get('/conversations?limit=2').expect(200)
    expect(body).toMatchObject({ items: [{}, {}], nextCursor: null })
  })

  it('shows each once, in a stable order, where many have the same moment', async () => {
    const ann = await aPerson(app)
    for (let n = 0; n < 5; n++) await aGroup(app, 2, ann)
    const conversations = app.context.mongo.connection.collection('conversations')
    const all = await ann.get('/conversations').expect(200)
    const ids = idsOf(all.body).map((id) => new Types.ObjectId(id))
    await conversations.updateMany({ _id: { $in: ids } }, { $set: { lastMessageAt: new Date() } })
    expect((await pagesOf(ann, 2)).flat()).toEqual(idsOf(all.body).toSorted().toReversed())
  })

  it('has a conversation on top once a message came', async () => {
    const ann = await aPerson(app)
    const older = await aGroup(app, 2, ann)
    const newer = await aGroup(app, 2, ann)
    const list = async () => idsOf((await ann.get('/conversations').expect(200)).body)
    expect(await list()).toEqual([newer.conversation.id, older.conversation.id])
    await older.members[1]?.send(older.conversation.id, {}).expect(201)
    await expect.poll(list).toEqual([older.conversation.id, newer.conversation.id])
  })

  it('is empty for who has none', async () => {
    const ann = await aPerson(app)
    expect((await ann.get('/conversations').expect(200)).body).toEqual({ items: [], nextCursor: null })
  })
})

describe('an outsider', () => {
  it.each([
    ['read a conversation', 'get', ''],
    ['list its messages', 'get', '/messages'],
    ['send to it', 'post', '/messages'],
  ] as const)('cannot %s, nor tell that it exists', async (_name, method, path) => {
    const { conversation } = await aDirectConversation(app)
    const outsider = await aPerson(app)
    const ask = async (id: string) => {
      const url = `/conversations/${id}${path}`
      const { status, body } = await (method === 'get' ? outsider.get(url) : outsider.post(url, { clientId: randomUUID(), text: 'hello' }))
      return { status, body: { ...body, requestId: undefined } }
    }
    const existing = await ask(conversation.id)
    expect(existing).toMatchObject({ status: 404, body: { code: 'not_found' } })
    expect(existing).toEqual(await ask('f'.repeat(24)))
    const stored = { conversationId: new Types.ObjectId(conversation.id) }
    expect(await app.context.mongo.connection.collection('messages').countDocuments(stored)).toBe(0)
  })
})
