import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MessageDocument } from '../src/features/messages/index.js'
import { encodeSince } from '../src/http/since.js'
import { aDirectConversation, aPerson, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

interface Page {
  readonly items: readonly { readonly id: string; readonly seq: number; readonly version: number; readonly text: string | null }[]
  readonly nextCursor: string | null
}

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1)
const stored = () => app.context.mongo.connection.collection<MessageDocument>('messages')

/** As when the log has had everything for long enough. */
const allForgotten = (conversationId: string) =>
  stored().updateMany(
    { conversationId: new Types.ObjectId(conversationId), outbox: { $exists: true } },
    { $unset: { outbox: '' }, $currentDate: { changedAt: true } },
  )

/** The database's time, later than any change so far. */
const databaseNow = async (): Promise<Date> => {
  const clock = app.context.mongo.connection.collection<{ _id: string; at: Date }>('clock')
  const read = async (): Promise<Date> => {
    const found = await clock.findOneAndUpdate({ _id: 'now' }, { $currentDate: { at: true } }, { upsert: true, returnDocument: 'after' })
    if (!found) throw new Error('it was upserted')
    return found.at
  }
  const first = await read()
  for (;;) {
    const now = await read()
    if (now > first) return now
  }
}

/** Ann's messages 1 to `count` to Bob, told and forgotten. */
const aConversation = async (count: number) => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  const ids: string[] = []
  for (const n of upTo(count)) ids.push((await ann.send(conversation.id, { text: `message ${n}` }).expect(201)).body.id)
  await allForgotten(conversation.id)
  const idOf = (seq: number): string => ids[seq - 1] ?? ''
  return { ann, bob, conversation, idOf }
}

const firstPage = async (person: Person, conversationId: string, since: Date, limit = 100): Promise<Page> =>
  (await person.get(`/conversations/${conversationId}/messages?changedSince=${encodeSince(since)}&limit=${limit}`).expect(200)).body

const allPages = async (
  person: Person,
  conversationId: string,
  since: Date,
  limit: number,
  between?: (pages: number) => Promise<unknown>,
): Promise<Page['items'][]> => {
  const pages: Page['items'][] = []
  let page = await firstPage(person, conversationId, since, limit)
  pages.push(page.items)
  while (page.nextCursor !== null) {
    await between?.(pages.length)
    page = (await person.get(`/conversations/${conversationId}/messages?limit=${limit}&cursor=${page.nextCursor}`).expect(200)).body
    pages.push(page.items)
  }
  return pages
}

describe('messages changed since', () => {
  it('are those that were created, edited or deleted since, as they are now, ascending by seq; no others', async () => {
    const { ann, bob, conversation, idOf } = await aConversation(8)
    const since = await databaseNow()
    const edited = await ann.patch(`/messages/${idOf(7)}`, { text: 'edited' }).expect(200)
    const deleted = await ann.delete(`/messages/${idOf(2)}?scope=all`).expect(200)
    const created = await bob.send(conversation.id, { text: 'new' }).expect(201)
    const expected = { items: [deleted.body, edited.body, created.body], nextCursor: null }
    expect(await firstPage(bob, conversation.id, since)).toEqual(expected)
    await allForgotten(conversation.id)
    expect(await firstPage(bob, conversation.id, since)).toEqual(expected)
    expect(await firstPage(bob, conversation.id, await databaseNow())).toEqual({ items: [], nextCursor: null })
  })

  it('are by the database’s clock: a worker’s that is years off hides none of them', async () => {
    const { ann, bob, conversation, idOf } = await aConversation(3)
    const since = await databaseNow()
    const { body } = await ann.send(conversation.id, { text: 'new' }).expect(201)
    await ann.patch(`/messages/${idOf(1)}`, { text: 'edited' }).expect(200)
    const longAgo = new Date('2001-01-01T00:00:00Z')
    await stored().updateMany(
      { _id: { $in: [body.id, idOf(1)].map((id) => new Types.ObjectId(id)) } },
      { $set: { createdAt: longAgo, 'outbox.$[].at': longAgo } },
    )
    expect((await firstPage(bob, conversation.id, since)).items.map(({ seq }) => seq)).toEqual([1, 4])
    await allForgotten(conversation.id)
    expect((await firstPage(bob, conversation.id, since)).items.map(({ seq }) => seq)).toEqual([1, 4])
  })

  it('come in pages of the limit, each once where nothing changes, of which many changed at the same moment', async () => {
    const { ann, bob, conversation, idOf } = await aConversation(25)
    const at = await databaseNow()
    await stored().updateMany({ conversationId: new Types.ObjectId(conversation.id) }, { $set: { changedAt: at } })
    for (const n of upTo(7)) await ann.send(conversation.id, { text: `new ${n}` }).expect(201)
    await ann.patch(`/messages/${idOf(3)}`, { text: 'edited' }).expect(200)
    const pages = await allPages(bob, conversation.id, at, 4)
    expect(Math.max(...pages.map(({ length }) => length))).toBe(4)
    for (const page of pages) expect(page.map(({ seq }) => seq)).toEqual(page.map(({ seq }) => seq).toSorted((a, b) => a - b))
    const seqs = pages.flat().map(({ seq }) => seq)
    const once = [...seqs]
    once.splice(seqs.lastIndexOf(3), 1) // edited since its page: it has something to tell, and a time as well
    expect(once.toSorted((a, b) => a - b)).toEqual(upTo(32))
  })

  it.each([1, 4, 5, 6])('miss nothing at the seam between what is told and what is not, with a limit of %d', async (limit) => {
    const { ann, bob, conversation, idOf } = await aConversation(6)
    const since = await databaseNow()
    for (const n of [1, 2, 3]) await ann.patch(`/messages/${idOf(n)}`, { text: 'edited' }).expect(200)
    await allForgotten(conversation.id)
    for (const n of upTo(5)) await ann.send(conversation.id, { text: `new ${n}` }).expect(201)
    const pages = await allPages(bob, conversation.id, since, limit)
    const seqs = pages.flat().map(({ seq }) => seq)
    expect(seqs.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 7, 8, 9, 10, 11])
  })

  it('miss none that changes, is told or is deleted while they are paged through; the last that is seen of each is its newest', async () => {
    const { ann, bob, conversation, idOf } = await aConversation(24)
    const since = await databaseNow()
    for (const n of upTo(24)) {
      await ann.patch(`/messages/${idOf(n)}`, { text: 'edited before' }).expect(200)
      if (n % 3 === 0) await allForgotten(conversation.id)
    }
    const pages = await allPages(bob, conversation.id, since, 3, async (page) => {
      if (page > 12) return // else it would go on for as long as there are changes
      await ann.patch(`/messages/${idOf(((page * 7) % 24) + 1)}`, { text: `edited at page ${page}` })
      if (page % 2 === 0) await allForgotten(conversation.id)
      if (page % 5 === 0) await ann.delete(`/messages/${idOf(((page * 11) % 24) + 1)}?scope=all`).expect(200)
    })
    const seen = new Map(pages.flat().map((message) => [message.seq, message]))
    expect([...seen.keys()].toSorted((a, b) => a - b)).toEqual(upTo(24))
    const now = await stored()
      .find({ conversationId: new Types.ObjectId(conversation.id) })
      .toArray()
    for (const { seq, version, text } of now) expect(seen.get(seq)).toMatchObject({ version, text })
  })

  it('are for members alone', async () => {
    const { conversation } = await aConversation(1)
    const stranger = await aPerson(app)
    await stranger.get(`/conversations/${conversation.id}/messages?changedSince=${encodeSince(new Date())}`).expect(404)
  })

  const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  it.each([
    ['nonsense', 'nonsense'],
    ['nothing', ''],
    ['a cursor of a list', encoded(['after', 1])],
    ['no time', encoded(['sync', 'yesterday'])],
    ['a time before all', encoded(['sync', -1])],
    ['a time beyond all', encoded(['sync', 8.64e15 + 1])],
    ['too much', encoded(['sync', 1, 2])],
    ['an operator', encoded(['sync', { $gt: 0 }])],
    ['endless', 'x'.repeat(101)],
  ])('refuse %s for a cursor', async (_name, cursor) => {
    const { ann, conversation } = await aConversation(1)
    const refused = await ann.get(`/conversations/${conversation.id}/messages?changedSince=${cursor}`).expect(400)
    expect(refused.body.errors[0].path).toBe('query.changedSince')
  })

  it.each(['afterSeq=1', 'beforeSeq=3', 'aroundSeq=2', `cursor=${encoded(['after', 1])}`])('refuse %s beside it', async (other) => {
    const { ann, conversation } = await aConversation(1)
    await ann.get(`/conversations/${conversation.id}/messages?changedSince=${encodeSince(new Date())}&${other}`).expect(400)
  })

  it.each([encoded(['changed', -1, 0]), encoded(['pending', 1]), encoded(['changed', 9e15, 0]), encoded(['after', 1, 1])])(
    'refuse a next cursor that is none: %s',
    async (cursor) => {
      const { ann, conversation } = await aConversation(1)
      await ann.get(`/conversations/${conversation.id}/messages?cursor=${cursor}`).expect(400)
    },
  )
})
