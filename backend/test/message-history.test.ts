import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MessageDocument } from '../src/features/messages/index.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1)
const historyOf = async (person: Person, id: string) => (await person.get(`/messages/${id}/history`).expect(200)).body

/** Ann's message to Bob, edited twice. */
const anEditedMessage = async () => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  const mentions = [{ userId: bob.id, offset: 0, length: 5 }]
  const { body: sent } = await ann.send(conversation.id, { text: 'first secret', mentions }).expect(201)
  const { body: second } = await ann.patch(`/messages/${sent.id}`, { text: 'second secret', mentions: [] }).expect(200)
  const { body: message } = await ann.patch(`/messages/${sent.id}`, { text: 'third' }).expect(200)
  const former = [
    { version: 1, text: 'first secret', mentions, at: sent.createdAt },
    { version: 2, text: 'second secret', mentions: [], at: second.editedAt },
  ]
  return { ann, bob, conversation, message, former }
}

describe('the history of a message', () => {
  it('shows everyone who sees it what it said before, whom it mentioned and when, oldest first', async () => {
    const { ann, bob, message, former } = await anEditedMessage()
    for (const person of [ann, bob]) expect(await historyOf(person, message.id)).toEqual({ items: former, nextCursor: null })
  })

  it('is empty where it was never edited', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const { body } = await ann.send(conversation.id, { text: 'once' }).expect(201)
    expect(await historyOf(ann, body.id)).toEqual({ items: [], nextCursor: null })
  })

  it('is gone for everyone when the message is deleted for everyone, from the database too', async () => {
    const { ann, bob, message } = await anEditedMessage()
    await ann.delete(`/messages/${message.id}?scope=all`).expect(200)
    for (const person of [ann, bob]) expect(await historyOf(person, message.id)).toEqual({ items: [], nextCursor: null })
    const stored = await app.context.mongo.connection
      .collection<MessageDocument>('messages')
      .findOne({ _id: new Types.ObjectId(message.id) })
    expect(JSON.stringify(stored)).not.toContain('secret')
  })

  it('is gone for who has deleted the message for themselves, and there for the other', async () => {
    const { ann, bob, message, former } = await anEditedMessage()
    await bob.delete(`/messages/${message.id}?scope=me`).expect(200)
    expect((await historyOf(bob, message.id)).items).toEqual([])
    expect((await historyOf(ann, message.id)).items).toEqual(former)
  })

  it('is 404 for strangers, for what is not there, and for who came after it where history is by joining', async () => {
    const { ann, message } = await anEditedMessage()
    await (await aPerson(app)).get(`/messages/${message.id}/history`).expect(404)
    await ann.get(`/messages/${new Types.ObjectId().toHexString()}/history`).expect(404)
    const { owner, conversation } = await aGroup(app, 2)
    await owner.patch(`/conversations/${conversation.id}`, { settings: { history: 'joined' } }).expect(200)
    const { body: before } = await owner.send(conversation.id, { text: 'before' }).expect(201)
    const late = await aPerson(app, { name: 'Late' })
    await owner.post(`/conversations/${conversation.id}/members`, { userIds: [late.id] }).expect(200)
    await late.get(`/messages/${before.id}/history`).expect(404)
  })

  it('comes back by no edit that meets a deletion: once it is deleted nothing of it is left', async () => {
    for (const round of upTo(5)) {
      const { ann, bob, message } = await anEditedMessage()
      const editing = upTo(6).map((n) => ann.patch(`/messages/${message.id}`, { text: `secret ${round} ${n}` }))
      const [, ...answers] = await Promise.all([ann.delete(`/messages/${message.id}?scope=all`).expect(200), ...editing])
      for (const { status } of answers) expect([200, 409]).toContain(status)
      expect((await historyOf(bob, message.id)).items).toEqual([])
      expect((await bob.get(`/messages/${message.id}`).expect(200)).body).toMatchObject({
        text: null,
        mentions: [],
        deletedAt: expect.any(String),
      })
      const stored = await app.context.mongo.connection
        .collection<MessageDocument>('messages')
        .findOne({ _id: new Types.ObjectId(message.id) })
      expect(JSON.stringify(stored)).not.toContain('secret')
    }
  })
})
