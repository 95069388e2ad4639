import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aDirectConversation } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1)
const seqsOf = (page: { items: { seq: number }[] }): number[] => page.items.map(({ seq }) => seq)

describe('sending a message', () => {
  it('answers 201 with the conversation’s next seq, and stores it', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const first = await ann.send(conversation.id, { text: 'hello' }).expect(201)
    const second = await bob.send(conversation.id, { text: 'hi' }).expect(201)
    expect(first.body).toMatchObject({ seq: 1, senderId: ann.id, text: 'hello', type: 'user', version: 1, conversationId: conversation.id })
    expect(second.body).toMatchObject({ seq: 2, senderId: bob.id })
    const page = await bob.get(`/conversations/${conversation.id}/messages`).expect(200)
    expect(page.body).toEqual({ items: [first.body, second.body], nextCursor: null })
  })

  it('answers 200 with the first message when the same clientId comes again', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const clientId = randomUUID()
    const first = await ann.send(conversation.id, { clientId, text: 'hello' }).expect(201)
    const again = await ann.send(conversation.id, { clientId, text: 'hello' }).expect(200)
    expect(again.body).toEqual(first.body)
  })

  it('answers 409 when the same clientId comes with another text', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const clientId = randomUUID()
    await ann.send(conversation.id, { clientId, text: 'hello' }).expect(201)
    const other = await ann.send(conversation.id, { clientId, text: 'good bye' }).expect(409)
    expect(other.body.code).toBe('conflict')
  })

  it('makes one message of 20 sends of the same clientId at once', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const clientId = randomUUID()
    const answers = await Promise.all(upTo(20).map(() => ann.send(conversation.id, { clientId, text: 'once' })))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([...Array(19).fill(200), 201])
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
  })

  it('lets two people use the same clientId', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const clientId = randomUUID()
    await ann.send(conversation.id, { clientId, text: 'a' }).expect(201)
    await bob.send(conversation.id, { clientId, text: 'b' }).expect(201)
  })

  it('moves the conversation’s lastSeq and lastMessageAt', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const sent = await ann.send(conversation.id, { text: 'hello' }).expect(201)
    await expect
      .poll(async () => (await bob.get(`/conversations/${conversation.id}`)).body)
      .toMatchObject({ lastSeq: 1, lastMessageAt: sent.body.createdAt })
  })

  it('stores text in NFC', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const sent = await ann.send(conversation.id, { text: 'Cafe\u0301' }).expect(201)
    expect(sent.body.text).toBe('Caf\u00e9')
  })

  it.each([
    ['8,000 characters of several code points each', '👩‍💻'.repeat(5900)],
    ['exactly 8,000 plain characters', 'x'.repeat(8000)],
    ['64 KB', '🏳️‍🌈'.repeat(4681)],
    ['one emoji', '🎉'],
  ])('takes %s', async (_name, text) => {
    const { ann, conversation } = await aDirectConversation(app)
    await ann.send(conversation.id, { text }).expect(201)
  })

  it.each([
    ['nothing', ''],
    ['white space alone', ' \n\t\u00a0\u3000'],
    ['invisible characters alone', '\u200b\u200d\u2060\ufeff\u00ad\u3164'],
    ['a zero-width space', '\u200b'],
    ['what is drawn as nothing', '\u2800 \ufff9\ufffb\u{1d159}\u{16fe4}'],
    ['tags and a variation selector alone', '\u{e0067}\u{e007f}\ufe0f'],
    ['control characters alone', '\u0000\u0007'],
    ['8,001 characters', 'x'.repeat(8001)],
    ['more than 64 KB', '👩‍💻'.repeat(6000)],
    ['a number', 7],
    ['an operator', { $gt: '' }],
    ['null', null],
  ])('refuses %s as text', async (_name, text) => {
    const { ann, conversation } = await aDirectConversation(app)
    const refused = await ann.post(`/conversations/${conversation.id}/messages`, { clientId: randomUUID(), text }).expect(400)
    expect(refused.body).toMatchObject({ code: 'validation_failed', errors: [{ path: 'body.text' }] })
    const page = await ann.get(`/conversations/${conversation.id}/messages`).expect(200)
    expect(page.body.items).toEqual([])
  })

  it.each([
    ['not a UUID', 'abc'],
    ['missing', undefined],
    ['an operator', { $ne: null }],
  ])('refuses a clientId that is %s', async (_name, clientId) => {
    const { ann, conversation } = await aDirectConversation(app)
    const refused = await ann.post(`/conversations/${conversation.id}/messages`, { clientId, text: 'hello' }).expect(400)
    expect(refused.body.errors).toEqual([expect.objectContaining({ path: 'body.clientId' })])
  })
})

describe('reading messages', () => {
  const twelve = async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    for (const n of upTo(12)) await ann.send(conversation.id, { text: `message ${n}` }).expect(201)
    return { ann, list: (query: string) => bob.get(`/conversations/${conversation.id}/messages?${query}`) }
  }

  it('shows the newest page, ascending, and goes back by cursor to the first', async () => {
    const { list } = await twelve()
    const newest = await list('limit=5').expect(200)
    const middle = await list(`limit=5&cursor=${newest.body.nextCursor}`).expect(200)
    const oldest = await list(`limit=5&cursor=${middle.body.nextCursor}`).expect(200)
    expect([newest, middle, oldest].map(({ body }) => seqsOf(body))).toEqual([
      [8, 9, 10, 11, 12],
      [3, 4, 5, 6, 7],
      [1, 2],
    ])
    expect(oldest.body.nextCursor).toBeNull()
  })

  it('goes forward from afterSeq by cursor to the last', async () => {
    const { list } = await twelve()
    const first = await list('afterSeq=0&limit=10').expect(200)
    const second = await list(`limit=10&cursor=${first.body.nextCursor}`).expect(200)
    expect(seqsOf(first.body)).toEqual(upTo(10))
    expect(seqsOf(second.body)).toEqual([11, 12])
    expect(second.body.nextCursor).toBeNull()
  })

  it('shows what is before and after a seq, without it', async () => {
    const { list } = await twelve()
    expect(seqsOf((await list('beforeSeq=4').expect(200)).body)).toEqual([1, 2, 3])
    expect(seqsOf((await list('afterSeq=10').expect(200)).body)).toEqual([11, 12])
    expect((await list('afterSeq=12').expect(200)).body).toEqual({ items: [], nextCursor: null })
  })

  it.each([
    ['aroundSeq=6&limit=5', [4, 5, 6, 7, 8], true],
    ['aroundSeq=6&limit=4', [4, 5, 6, 7], true],
    ['aroundSeq=6&limit=1', [6], true],
    ['aroundSeq=1&limit=5', [1, 2, 3, 4, 5], true],
    ['aroundSeq=12&limit=5', [10, 11, 12], false],
    ['aroundSeq=6', upTo(12), false],
    ['aroundSeq=500&limit=5', [], false],
  ])('shows what is around a seq: %s', async (query, seqs, more) => {
    const { list } = await twelve()
    const page = await list(query).expect(200)
    expect(seqsOf(page.body)).toEqual(seqs)
    expect(page.body.nextCursor !== null).toBe(more)
  })

  it('goes forward from around a seq by cursor', async () => {
    const { list } = await twelve()
    const first = await list('aroundSeq=4&limit=5').expect(200)
    const second = await list(`limit=5&cursor=${first.body.nextCursor}`).expect(200)
    expect([...seqsOf(first.body), ...seqsOf(second.body)]).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  })

  it('never shows a gap or a message twice to who pages forward while others write', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const written = Promise.all(upTo(150).map(() => ann.send(conversation.id, { text: 'x' }).expect(201)))
    const seen: number[] = []
    while (seen.length < 150) {
      const page = await bob.get(`/conversations/${conversation.id}/messages?afterSeq=${seen.length}&limit=7`).expect(200)
      seen.push(...seqsOf(page.body))
      expect(seen).toEqual(upTo(seen.length))
    }
    await written
    expect(seen).toEqual(upTo(150))
  })

  it.each([
    'beforeSeq=0',
    'beforeSeq=-1',
    'beforeSeq=9999999999999999',
    'afterSeq=1.5',
    'afterSeq=a',
    'aroundSeq=0',
    'aroundSeq=x',
    'aroundSeq=1&afterSeq=1',
    'beforeSeq=2&afterSeq=1',
    'limit=0',
    'limit=101',
    'limit=1e9',
    'cursor=nonsense',
    'cursor=WyJzaWRld2F5cyIsMV0',
    'afterSeq=1&afterSeq=2',
    'colour=red',
  ])('refuses %s', async (query) => {
    const { ann, conversation } = await aDirectConversation(app)
    const refused = await ann.get(`/conversations/${conversation.id}/messages?${query}`).expect(400)
    expect(refused.body.code).toBe('validation_failed')
  })
})
