import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type MessageDocument, messageSchema } from '../src/features/messages/index.js'
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

const stored = () => app.context.mongo.connection.collection<MessageDocument>('messages')
const storedAs = (id: string) => stored().findOne({ _id: new Types.ObjectId(id) })
const remove = (person: Person, id: string) => person.delete(`/messages/${id}?scope=all`)

/** Ann's message to Bob, edited once. */
const aMessage = async () => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  const clientId = randomUUID()
  const { body } = await ann.send(conversation.id, { clientId, text: 'first secret' }).expect(201)
  const edited = await ann.patch(`/messages/${body.id}`, { text: 'second secret' }).expect(200)
  return { ann, bob, conversation, clientId, message: edited.body }
}

/** A group with a person of each role, and the sender's message. */
const inAGroup = async () => {
  const { owner, members, conversation } = await aGroup(app, 4)
  const [, admin, sender, member] = members
  if (!admin || !sender || !member) throw new Error('a group of four')
  await app.context.mongo.connection
    .collection('conversations')
    .updateOne(
      { _id: new Types.ObjectId(conversation.id) },
      { $set: { 'members.$[one].role': 'admin' } },
      { arrayFilters: [{ 'one.userId': new Types.ObjectId(admin.id) }] },
    )
  const { body } = await sender.send(conversation.id, { text: 'hello' }).expect(201)
  return { people: { owner, admin, sender, member, stranger: await aPerson(app) }, message: body }
}

describe('deleting a message for everyone', () => {
  it('answers 200 with a tombstone in its place, which everyone reads from then on', async () => {
    const { ann, bob, conversation, message } = await aMessage()
    const next = await bob.send(conversation.id, { text: 'next' }).expect(201)
    const { body } = await remove(ann, message.id).expect(200)
    expect(body).toEqual({ ...message, text: null, version: 3, editedAt: null, deletedAt: expect.any(String) })
    expect((await bob.get(`/messages/${message.id}`).expect(200)).body).toEqual(body)
    expect((await bob.get(`/conversations/${conversation.id}/messages`).expect(200)).body.items).toEqual([body, next.body])
  })

  it('keeps nothing of what was said', async () => {
    const { ann, message } = await aMessage()
    await stored().updateOne({ _id: new Types.ObjectId(message.id) }, { $set: { deletedBy: new Types.ObjectId() } })
    await remove(ann, message.id).expect(200)
    const tombstone = await storedAs(message.id)
    expect(tombstone).toMatchObject({ text: null, deletedBy: new Types.ObjectId(ann.id), version: 3 })
    expect(JSON.stringify(tombstone)).not.toContain('secret')
    expect(tombstone).not.toHaveProperty('edits')
    expect(tombstone).not.toHaveProperty('editedAt')
  })

  it('keeps what it takes to find its place, to know a retry and to tell of it, whatever else a message comes to have', async () => {
    const { ann, message } = await aMessage()
    const before = await storedAs(message.id)
    const kept = [...messageSchema.requiredPaths(), '_id', 'text', 'outbox', 'deletedAt', 'deletedBy', 'changedAt']
    const others = Object.keys(messageSchema.paths).filter((path) => !path.includes('.') && !kept.includes(path))
    expect(others).toEqual(expect.arrayContaining(['system', 'edits', 'editedAt', 'hiddenFor', 'hiddenAt']))
    const content = Object.fromEntries(others.map((path) => [path, [{ secret: path, uploadId: new Types.ObjectId() }]]))
    await stored().updateOne({ _id: new Types.ObjectId(message.id) }, { $set: content })
    await remove(ann, message.id).expect(200)
    const tombstone = await storedAs(message.id)
    expect(Object.keys(tombstone ?? {}).toSorted()).toEqual(kept.toSorted())
    expect(JSON.stringify(tombstone)).not.toContain('secret')
    const { conversationId, seq, senderId, clientId, contentHash, type, createdAt } = before ?? {}
    expect(tombstone).toMatchObject({ conversationId, seq, senderId, clientId, contentHash, type, createdAt, text: null })
  })

  it('changes nothing the second time', async () => {
    const { ann, message } = await aMessage()
    const first = await remove(ann, message.id).expect(200)
    const before = await storedAs(message.id)
    expect((await remove(ann, message.id).expect(200)).body).toEqual(first.body)
    expect(await storedAs(message.id)).toEqual(before)
  })

  it('happens once, however often and at however many workers it is asked for at once', async () => {
    const { ann, conversation } = await aMessage()
    const at = (worker: TestApp, id: string) =>
      worker.request.delete(`/api/v1/messages/${id}?scope=all`).auth(ann.accessToken, { type: 'bearer' }).expect(200)
    for (let n = 0; n < 8; n++) {
      const { body } = await ann.send(conversation.id, { text: 'secret' }).expect(201)
      const answers = await Promise.all([app, neighbour, app, neighbour, app, neighbour].map((worker) => at(worker, body.id)))
      expect(new Set(answers.map((answer) => JSON.stringify(answer.body))).size).toBe(1)
      const tombstone = await storedAs(body.id)
      expect(tombstone?.version).toBe(2)
      expect(tombstone?.outbox?.map(({ type }) => type)).toEqual(['message.created', 'message.deleted'])
    }
  })

  it('leaves a retry of the send what it is: 200 with the tombstone, and no other message', async () => {
    const { ann, conversation, clientId, message } = await aMessage()
    const tombstone = await remove(ann, message.id).expect(200)
    expect((await ann.send(conversation.id, { clientId, text: 'first secret' }).expect(200)).body).toEqual(tombstone.body)
    await ann.send(conversation.id, { clientId, text: 'another' }).expect(409)
    expect((await ann.get(`/conversations/${conversation.id}/messages`).expect(200)).body.items).toHaveLength(1)
  })

  it.each([
    ['owner', 200],
    ['admin', 200],
    ['sender', 200],
    ['member', 403],
    ['stranger', 404],
  ] as const)('answers the %s of a group %d', async (who, status) => {
    const { people, message } = await inAGroup()
    const { body } = await remove(people[who], message.id).expect(status)
    if (status !== 200) expect(body.code).toBe(status === 403 ? 'forbidden' : 'not_found')
    expect((await storedAs(message.id))?.text).toBe(status === 200 ? null : 'hello')
  })

  it('is not for the other one of two', async () => {
    const { bob, message } = await aMessage()
    expect((await remove(bob, message.id).expect(403)).body.code).toBe('forbidden')
    expect((await storedAs(message.id))?.text).toBe('second secret')
  })

  it('of a system message is 403, and of one that is not there 404', async () => {
    const { people, message } = await inAGroup()
    await stored().updateOne({ _id: new Types.ObjectId(message.id) }, { $set: { type: 'system' } })
    await remove(people.owner, message.id).expect(403)
    await remove(people.sender, message.id).expect(403)
    await remove(people.owner, new Types.ObjectId().toHexString()).expect(404)
  })

  it.each(['', '?scope=', '?scope=ALL', '?scope=Me', '?scope=me,all', '?scope=all&scope=all', '?scope=me&scope=all', '?scope[$ne]=me'])(
    'refuses %j and says what there is',
    async (query) => {
      const { ann, message } = await aMessage()
      const refused = await ann.delete(`/messages/${message.id}${query}`).expect(400)
      expect(refused.body.code).toBe('validation_failed')
      expect(refused.body.errors[0]).toEqual({ path: 'query.scope', message: 'must be me or all: for yourself, or for everyone' })
      expect((await storedAs(message.id))?.text).toBe('second secret')
    },
  )

  it('refuses an id that is none, and a query that nobody knows', async () => {
    const { ann, message } = await aMessage()
    expect((await ann.delete('/messages/abc?scope=all').expect(400)).body.errors).toEqual([
      { path: 'params.messageId', message: 'not an id' },
    ])
    await ann.delete(`/messages/${message.id}?scope=all&hard=true`).expect(400)
    expect((await storedAs(message.id))?.text).toBe('second secret')
  })
})
