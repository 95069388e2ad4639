import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { plansOf } from './support/plans.js'
import { startTestApp, type TestApp } from './support/test-app.js'

interface Page {
  readonly items: readonly { readonly text: string }[]
  readonly nextCursor: string | null
}

const deadlineMs = 30_000
let app: TestApp
const stored = () => app.context.mongo.connection.collection('messages')

const search = (person: Person, query: Readonly<Record<string, string>>) => person.get('/messages/search').query(query)
const found = async (person: Person, query: string | Readonly<Record<string, string>>): Promise<string[]> => {
  const { body } = await search(person, typeof query === 'string' ? { q: query } : query).expect(200)
  return body.items.map(({ text }: { text: string }) => text)
}

const say = async (person: Person, conversation: { id: string }, text: string): Promise<{ id: string; seq: number; createdAt: string }> =>
  (await person.send(conversation.id, { text }).expect(201)).body

/** The messages of a conversation are told, and forgotten to be told: a search finds them by another index from then on. */
const allTold = (conversation: { id: string }) =>
  expect
    .poll(() => stored().countDocuments({ conversationId: new Types.ObjectId(conversation.id), outbox: { $exists: true } }), {
      timeout: deadlineMs,
    })
    .toBe(0)

describe.each([
  ['not been told', { forgetAfterMs: 3_600_000 }],
  ['been told', { forgetAfterMs: 0 }],
])('a search of what has %s', (_name, timing) => {
  const settled = (conversation: { id: string }) => (timing.forgetAfterMs === 0 ? allTold(conversation) : Promise.resolve())
  beforeAll(async () => {
    app = await startTestApp({}, timing)
  })
  afterAll(() => app.close())

  it('finds words, their beginnings and phrases, newest first, in all of one’s conversations', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { conversation: group } = await aGroup(app, 2, ann)
    await say(bob, conversation, 'The mirror on the hill')
    await say(ann, group, 'A mirror flashes twice')
    await say(ann, conversation, 'Nothing to see')
    await Promise.all([settled(conversation), settled(group)])
    expect(await found(ann, 'mirror')).toEqual(['A mirror flashes twice', 'The mirror on the hill'])
    expect(await found(ann, 'MIRR')).toEqual(['A mirror flashes twice', 'The mirror on the hill'])
    expect(await found(ann, '"mirr"')).toEqual([])
    expect(await found(ann, '"mirror on"')).toEqual(['The mirror on the hill'])
    expect(await found(ann, '"on mirror"')).toEqual([])
    expect(await found(ann, 'hill mirror')).toEqual(['The mirror on the hill'])
    expect(await found(bob, 'mirror')).toEqual(['The mirror on the hill'])
    expect(await found(await aPerson(app), 'mirror')).toEqual([])
  })

  it('answers whole messages, as any other list, with what they are replies to', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { id: replyTo } = await say(ann, conversation, 'what is this?')
    const { body: sent } = await bob.send(conversation.id, { text: 'a heliograph', replyTo }).expect(201)
    await settled(conversation)
    const { body } = await search(ann, { q: 'heliograph' }).expect(200)
    expect(body).toEqual({ items: [(await ann.get(`/messages/${sent.id}`).expect(200)).body], nextCursor: null })
    expect(body.items[0].replyTo).toMatchObject({ id: replyTo, text: 'what is this?' })
  })

  it('is of a conversation, a sender and a time, where that is asked', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const { conversation: other } = await aGroup(app, 2, owner)
    const another = members[1] ?? owner
    const first = await say(owner, conversation, 'signal one')
    const second = await say(another, conversation, 'signal two')
    const third = await say(owner, other, 'signal three')
    await Promise.all([settled(conversation), settled(other)])
    expect(await found(owner, { q: 'signal', conversationId: conversation.id })).toEqual(['signal two', 'signal one'])
    expect(await found(owner, { q: 'signal', senderId: another.id })).toEqual(['signal two'])
    expect(await found(owner, { q: 'signal', senderId: owner.id, conversationId: conversation.id })).toEqual(['signal one'])
    await stored().updateOne({ _id: new Types.ObjectId(first.id) }, { $set: { createdAt: new Date(Date.parse(second.createdAt) - 5000) } })
    await stored().updateOne({ _id: new Types.ObjectId(third.id) }, { $set: { createdAt: new Date(Date.parse(second.createdAt) + 5000) } })
    const at = second.createdAt
    expect(await found(owner, { q: 'signal', from: at })).toEqual(['signal three', 'signal two'])
    expect(await found(owner, { q: 'signal', to: at })).toEqual(['signal two', 'signal one'])
    expect(await found(owner, { q: 'signal', from: at, to: at })).toEqual(['signal two'])
  })

  it('finds an edited message by what it says now, and a deleted one by nothing: its words are gone from the database', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const edited = await say(ann, conversation, 'the former saying')
    const deleted = await say(ann, conversation, 'the secret saying')
    await settled(conversation)
    await ann.patch(`/messages/${edited.id}`, { text: 'the present saying' }).expect(200)
    await ann.delete(`/messages/${deleted.id}?scope=all`).expect(200)
    for (const wait of [() => Promise.resolve(), () => settled(conversation)]) {
      await wait()
      expect(await found(bob, 'saying')).toEqual(['the present saying'])
      expect(await found(bob, 'present')).toEqual(['the present saying'])
      expect(await found(bob, 'former')).toEqual([])
      expect(await found(ann, 'secret')).toEqual([])
    }
    expect(JSON.stringify(await stored().findOne({ _id: new Types.ObjectId(deleted.id) }))).not.toMatch(/secret/i)
  })

  it('does not find what one has deleted for oneself; others do', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const { id } = await say(ann, conversation, 'a hidden thing')
    await settled(conversation)
    await bob.delete(`/messages/${id}?scope=me`).expect(200)
    expect(await found(bob, 'hidden')).toEqual([])
    expect(await found(ann, 'hidden')).toEqual(['a hidden thing'])
  })

  it('finds nothing from before one came, where history is by joining, and nothing once one has left', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    const newcomer = await aPerson(app)
    const { conversation: own } = await aGroup(app, 2, newcomer)
    await say(newcomer, own, 'cairn at home')
    await owner.patch(`/conversations/${conversation.id}`, { settings: { history: 'joined' } }).expect(200)
    await say(owner, conversation, 'cairn before')
    await owner.post(`/conversations/${conversation.id}/members`, { userIds: [newcomer.id] }).expect(200)
    await say(owner, conversation, 'cairn after')
    await Promise.all([settled(conversation), settled(own)])
    expect(await found(newcomer, 'cairn')).toEqual(['cairn after', 'cairn at home'])
    expect(await found(newcomer, { q: 'cairn', conversationId: conversation.id })).toEqual(['cairn after'])
    expect(await found(owner, 'cairn')).toEqual(['cairn after', 'cairn before'])
    const early = await search(owner, { q: 'before' }).expect(200)
    await owner.send(conversation.id, { text: 'cairn reply', replyTo: early.body.items[0].id }).expect(201)
    const { id: home } = await say(newcomer, own, 'home')
    await newcomer.send(own.id, { text: 'cairn home reply', replyTo: home }).expect(201)
    const { body } = await search(newcomer, { q: 'reply' }).expect(200)
    expect(body.items.map(({ replyTo }: { replyTo: object }) => replyTo)).toMatchObject([
      { text: 'home', deleted: false },
      { text: null, deleted: true },
    ])
    expect(await found(newcomer, '"cairn at" home')).toEqual(['cairn at home'])
    await newcomer.post(`/conversations/${conversation.id}/leave`, {}).expect(204)
    expect(await found(newcomer, 'cairn')).toEqual(['cairn home reply', 'cairn at home'])
    await search(newcomer, { q: 'cairn', conversationId: conversation.id }).expect(404)
  })

  it('goes on by its cursor to the end, each message once, where several were said in the same millisecond', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const { conversation: group } = await aGroup(app, 2, ann)
    const texts = Array.from({ length: 13 }, (_, n) => `beacon ${n}`)
    for (const [n, text] of texts.entries()) await say(ann, n % 2 === 0 ? conversation : group, text)
    await Promise.all([settled(conversation), settled(group)])
    const ids = { $in: [new Types.ObjectId(conversation.id), new Types.ObjectId(group.id)] }
    await stored().updateMany({ conversationId: ids, seq: { $lte: 4 } }, { $set: { createdAt: new Date() } })
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const query: Record<string, string> = { q: '"beacon"', limit: '3', ...(cursor !== null && { cursor }) }
      const { body }: { body: Page } = await search(ann, query).expect(200)
      expect(body.items.length).toBeLessThanOrEqual(3)
      seen.push(...body.items.map(({ text }) => text))
      cursor = body.nextCursor
    } while (cursor !== null)
    expect(seen.toSorted()).toEqual(texts.toSorted())
  })
})

describe('a search', () => {
  let ann: Person
  beforeAll(async () => {
    app = await startTestApp()
    ann = await aPerson(app)
  })
  afterAll(() => app.close())

  it.each([
    ['nothing', '', 'two letters'],
    ['a space', ' ', 'two letters'],
    ['a letter', 'a', 'two letters'],
    ['a digit', '7', 'two letters'],
    ['letters', 'a b c', 'two letters'],
    ['an empty phrase', '""', 'two letters'],
    ['punctuation', '.*?!^$', 'two letters'],
    ['what nobody sees', '\u200b', 'two letters'],
    ['a thousand words', 'word '.repeat(1000), 'at most 500'],
    ['21 words', Array.from({ length: 21 }, (_, n) => `w${n}`).join(' '), 'at most 20'],
  ])('for %s is refused', async (_name, q, message) => {
    const { body } = await search(ann, { q }).expect(400)
    expect(body).toMatchObject({ code: 'validation_failed', errors: [{ path: 'query.q' }] })
    expect(body.errors[0].message).toContain(message)
  })

  it.each(['(a+)+$ word', '[[:alpha:]] word', '\\w{1000} word', '{"$gt": "word"}', 'word\u0000'])('takes %j for words', async (q) => {
    expect(await found(ann, q)).toEqual([])
  })

  it.each([
    [{}, 'q'],
    [{ q: 'word', conversationId: 'x' }, 'conversationId'],
    [{ q: 'word', senderId: '$ne' }, 'senderId'],
    [{ q: 'word', from: 'yesterday' }, 'from'],
    [{ q: 'word', from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' }, 'to'],
    [{ q: 'word', limit: '0' }, 'limit'],
    [{ q: 'word', limit: '101' }, 'limit'],
    [{ q: 'word', cursor: 'x' }, 'cursor'],
    [{ q: 'word', cursor: Buffer.from('["search",1e99,"x"]').toString('base64url') }, 'cursor'],
  ])('by %j is refused', async (query, field) => {
    const { body } = await search(ann, query as Record<string, string>).expect(400)
    expect(body.errors).toEqual([{ path: `query.${field}`, message: expect.any(String) }])
  })

  it('in a conversation that is not one’s own is one of nothing', async () => {
    const { conversation } = await aDirectConversation(app)
    await search(ann, { q: 'word', conversationId: conversation.id }).expect(404)
    await search(ann, { q: 'word', conversationId: 'f'.repeat(24) }).expect(404)
  })

  it('reads two indexes, that of what is to be told first', async () => {
    const { ann: reader, conversation } = await aDirectConversation(app)
    await say(reader, conversation, 'something')
    for (const query of [{ q: 'something' }, { q: 'some', conversationId: conversation.id }, { q: '"something" else' }]) {
      const plans = await plansOf(app, 'messages', () => search(reader, query).expect(200))
      expect(new Set(plans.map(({ index }) => index))).toEqual(new Set(['conversation_untold', 'conversation_words']))
      expect(plans[0]?.index).toBe('conversation_untold')
    }
  })

  it('for a phrase that thousands have the words of, and few say, goes on with pages that are short', async () => {
    const { ann: reader, conversation } = await aDirectConversation(app)
    const { seq } = await say(reader, conversation, 'last light')
    const message = await stored().findOne({ conversationId: new Types.ObjectId(conversation.id), seq }, { projection: { outbox: 0 } })
    const others = Array.from({ length: 1500 }, (_, n) => ({
      ...message,
      _id: new Types.ObjectId(),
      seq: n + 2,
      clientId: `c${n}`,
      text: 'light at last',
      words: ['LIGHT', 'AT', 'LAST'],
      createdAt: new Date(Date.now() + 1000 + n),
      changedAt: new Date(),
    }))
    await stored().insertMany(others)
    const pages: string[][] = []
    let cursor: string | null = null
    do {
      const { body }: { body: Page } = await search(reader, { q: '"last light"', ...(cursor !== null && { cursor }) }).expect(200)
      pages.push(body.items.map(({ text }) => text))
      cursor = body.nextCursor
    } while (cursor !== null)
    expect(pages.length).toBeGreaterThan(1)
    expect(pages.flat()).toEqual(['last light'])
  })
})
