import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MessageDocument } from '../src/features/messages/index.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let neighbour: TestApp
beforeAll(async () => {
  app = await startTestApp()
  neighbour = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

const hourMs = 3_600_000
const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1)
const stored = () => app.context.mongo.connection.collection<MessageDocument>('messages')
const storedAs = async (id: string): Promise<MessageDocument> => {
  const message = await stored().findOne({ _id: new Types.ObjectId(id) })
  if (!message) throw new Error('it was stored')
  return message
}
const change = (id: string, fields: Partial<MessageDocument>) => stored().updateOne({ _id: new Types.ObjectId(id) }, { $set: fields })
const edit = (person: Person, id: string, text: unknown) => person.patch(`/messages/${id}`, { text })

/** Ann's first message to Bob. */
const aMessage = async (text = 'before') => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  const clientId = randomUUID()
  const { body } = await ann.send(conversation.id, { clientId, text }).expect(201)
  return { ann, bob, conversation, clientId, message: body }
}

describe('editing a message', () => {
  it('answers 200 with its new text and version, which everyone reads from then on', async () => {
    const { ann, bob, conversation, message } = await aMessage()
    expect(message).toMatchObject({ version: 1, editedAt: null, deletedAt: null })
    const { body } = await edit(ann, message.id, 'after').expect(200)
    expect(body).toEqual({ ...message, text: 'after', version: 2, editedAt: expect.any(String) })
    expect((await bob.get(`/messages/${message.id}`).expect(200)).body).toEqual(body)
    expect((await bob.get(`/conversations/${conversation.id}/messages`).expect(200)).body.items).toEqual([body])
  })

  it('keeps what it said before, and when', async () => {
    const { ann, message } = await aMessage('first')
    const second = await edit(ann, message.id, 'second').expect(200)
    await edit(ann, message.id, 'third').expect(200)
    expect((await storedAs(message.id)).edits).toEqual([
      { text: 'first', version: 1, at: new Date(message.createdAt) },
      { text: 'second', version: 2, at: new Date(second.body.editedAt) },
    ])
  })

  it('keeps the 50 newest of its former texts', async () => {
    const { ann, message } = await aMessage('1')
    for (const n of upTo(53)) await edit(ann, message.id, String(n + 1)).expect(200)
    const { edits, version } = await storedAs(message.id)
    expect(version).toBe(54)
    expect(edits?.map(({ text }) => text)).toEqual(upTo(50).map((n) => String(n + 3)))
  })

  it('keeps at most 128 KB of them', async () => {
    const { ann, message } = await aMessage('1')
    const large = (n: number) => `${n} ${'🏳️‍🌈'.repeat(3000)}`
    for (const n of upTo(6)) await edit(ann, message.id, large(n)).expect(200)
    const { edits } = await storedAs(message.id)
    expect(edits?.map(({ text }) => text)).toEqual([large(3), large(4), large(5)])
  })

  it.each([
    ['the same text', 'Café'],
    ['the same text in another normal form', 'Cafe\u0301'],
  ])('changes nothing with %s', async (_name, text) => {
    const { ann, message } = await aMessage('Café')
    const before = await storedAs(message.id)
    expect((await edit(ann, message.id, text).expect(200)).body).toEqual(message)
    expect(await storedAs(message.id)).toEqual(before)
  })

  it('leaves a retry of the send what it is: 200 with the message as it is now', async () => {
    const { ann, conversation, clientId, message } = await aMessage('before')
    const edited = await edit(ann, message.id, 'after').expect(200)
    expect((await ann.send(conversation.id, { clientId, text: 'before' }).expect(200)).body).toEqual(edited.body)
    await ann.send(conversation.id, { clientId, text: 'after' }).expect(409)
  })

  it('is for its sender alone: 403 for other members, an owner too, 404 for strangers', async () => {
    const { owner, members, conversation } = await aGroup(app, 3)
    const [, sender, other] = members
    if (!sender || !other) throw new Error('a group of three')
    const { body } = await sender.send(conversation.id, { text: 'mine' }).expect(201)
    for (const person of [owner, other]) {
      expect((await edit(person, body.id, 'yours').expect(403)).body.code).toBe('forbidden')
    }
    expect((await edit(await aPerson(app), body.id, 'theirs').expect(404)).body.code).toBe('not_found')
    expect((await storedAs(body.id)).text).toBe('mine')
  })

  it('of a message that is not there is 404', async () => {
    const ann = await aPerson(app)
    await edit(ann, new Types.ObjectId().toHexString(), 'after').expect(404)
    await ann.get(`/messages/${new Types.ObjectId().toHexString()}`).expect(404)
  })

  it('ends with a day: 403', async () => {
    const { ann, message } = await aMessage()
    await change(message.id, { createdAt: new Date(Date.now() - 24 * hourMs + 60_000) })
    await edit(ann, message.id, 'in time').expect(200)
    await change(message.id, { createdAt: new Date(Date.now() - 24 * hourMs - 1) })
    const late = await edit(ann, message.id, 'late').expect(403)
    expect(late.body).toMatchObject({ code: 'forbidden', detail: 'The time to edit is over' })
    expect((await storedAs(message.id)).text).toBe('in time')
  })

  it('of a system message is 403, for who caused it too', async () => {
    const { ann, message } = await aMessage()
    await change(message.id, { type: 'system', text: null })
    expect((await edit(ann, message.id, 'after').expect(403)).body.code).toBe('forbidden')
  })

  it('of a deleted message is 409', async () => {
    const { ann, message } = await aMessage()
    await ann.delete(`/messages/${message.id}?scope=all`).expect(200)
    expect((await edit(ann, message.id, 'after').expect(409)).body.code).toBe('conflict')
    expect((await storedAs(message.id)).text).toBeNull()
  })

  it('waits with 503 where a thousand changes of the message are not told yet', async () => {
    const { ann, message } = await aMessage()
    const entry = { eventId: 'x', worker: 'another', at: new Date(), type: 'message.updated' as const, data: { version: '2' } }
    await change(message.id, { outbox: Array.from({ length: 1000 }, () => entry) })
    const refused = await edit(ann, message.id, 'after').expect(503)
    expect(refused.headers['retry-after']).toBeDefined()
  })

  it.each([
    ['nothing', ''],
    ['white space alone', ' \n\t\u00a0\u3000'],
    ['invisible characters alone', '\u200b\u200d\u2060\ufeff\u00ad\u3164'],
    ['a zero-width space', '\u200b'],
    ['what is drawn as nothing', '\u2800 \ufff9\ufffb\u{1d159}\u{16fe4}'],
    ['tags and a variation selector alone', '\u{e0067}\u{e007f}\ufe0f'],
    ['8,001 characters', 'x'.repeat(8001)],
    ['more than 64 KB', '👩‍💻'.repeat(6000)],
    ['half a character', '\ud800'],
    ['a number', 7],
    ['an operator', { $set: { text: '' } }],
    ['null', null],
    ['no text', undefined],
  ])('refuses %s as text', async (_name, text) => {
    const { ann, message } = await aMessage()
    const refused = await edit(ann, message.id, text).expect(400)
    expect(refused.body).toMatchObject({ code: 'validation_failed', errors: [{ path: 'body.text' }] })
    expect((await storedAs(message.id)).version).toBe(1)
  })

  it('refuses what is not to be edited, and an id that is none', async () => {
    const { ann, message } = await aMessage()
    const refused = await ann.patch(`/messages/${message.id}`, { text: 'after', senderId: ann.id }).expect(400)
    expect(refused.body.errors).toEqual([{ path: 'body', message: expect.stringContaining('senderId') }])
    expect((await edit(ann, 'abc', 'after').expect(400)).body.errors).toEqual([{ path: 'params.messageId', message: 'not an id' }])
    expect((await storedAs(message.id)).version).toBe(1)
  })

  it('at once at two workers gives each edit its own version, and keeps every text', async () => {
    const { ann, message } = await aMessage('original')
    const at = (worker: TestApp, text: string) =>
      worker.request.patch(`/api/v1/messages/${message.id}`).auth(ann.accessToken, { type: 'bearer' }).send({ text })
    const texts = upTo(16).map((n) => `edit ${n}`)
    const answers = await Promise.all(texts.map((text, n) => at(n % 2 === 0 ? app : neighbour, text).expect(200)))
    expect(answers.map(({ body }) => body.version).toSorted((a, b) => a - b)).toEqual(upTo(16).map((n) => n + 1))
    const { text, version, edits = [], outbox = [] } = await storedAs(message.id)
    expect(version).toBe(17)
    expect(edits.map((edit) => edit.version)).toEqual(upTo(16))
    expect(new Set([...edits.map((edit) => edit.text), text])).toEqual(new Set(['original', ...texts]))
    expect(outbox.map(({ type, data }) => [type, data?.version])).toEqual([
      ['message.created', undefined],
      ...upTo(16).map((n) => ['message.updated', String(n + 1)]),
    ])
  })
})
