import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { beforeEach, describe, expect, it } from 'vitest'
import { hasDied } from './support/dead-worker.js'
import { anApp, aStream } from './support/listening.js'
import { aDirectConversation, aGroup } from './support/people.js'
import type { SseClient } from './support/sse-client.js'
import { dataOf } from './support/streams.js'
import type { TestApp } from './support/test-app.js'

/** A worker of a newer version, which is gone. */
let newer: string
let app: TestApp
beforeEach(async () => {
  newer = randomUUID()
  app = await anApp({}, { forgetAfterMs: 0 })
})

const collection = (name: string) => app.context.mongo.connection.collection(name)
/** What a newer version has to tell: of a type that this one does not know, with a field that it does not know. */
const entryOf = (type: string, data?: Record<string, string>) => ({
  eventId: randomUUID(),
  worker: newer,
  at: new Date(),
  type,
  importance: 'high',
  ...(data && { data }),
})
const leave = async (name: string, id: string, ...entries: readonly object[]): Promise<void> => {
  const push = { outbox: { $each: [...entries] } } as object
  await collection(name).updateOne({ _id: new Types.ObjectId(id) }, { $push: push })
}
const sweep = async (): Promise<void> => {
  await hasDied(app, newer)
  await app.context.sweeper.sweep()
}
const left = async (): Promise<number> => {
  const counts = ['messages', 'conversations', 'users', 'uploads', 'blocks', 'sessions', 'api_keys', 'jobs'].map((name) =>
    collection(name).countDocuments({ 'outbox.worker': newer }),
  )
  return (await Promise.all(counts)).reduce((sum, count) => sum + count)
}
const lastTold = (stream: SseClient, name: string) => dataOf(stream, name).at(-1)

describe('what a newer worker left, of a type that is not known here', () => {
  it('is told of a message as something to fetch, after what comes before it and before what comes after it', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const sent = await ann.send(conversation.id, { text: 'of a newer worker' }).expect(201)
    const { id } = sent.body
    const stream = await aStream(bob, app)
    await leave('messages', id, entryOf('message.noted', { note: 'nobody knows what this is' }))
    await ann.patch(`/messages/${id}`, { text: 'edited here' }).expect(200)
    await expect.poll(() => dataOf(stream, 'message.updated')).toHaveLength(2)
    const message = { id, conversationId: conversation.id, seq: 1, version: 2 }
    expect(dataOf(stream, 'message.updated')).toEqual([
      { type: 'message.updated', conversationId: conversation.id, at: expect.any(String), message, fetch: true },
      expect.objectContaining({ message: expect.objectContaining({ text: 'edited here', version: 2 }) }),
    ])
    await expect.poll(left).toBe(0)
  })

  it('keeps nothing that other documents have to tell from being told', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const stream = await aStream(bob, app)
    const messages = [1, 2, 3].map((seq) => ({
      _id: new Types.ObjectId(),
      senderId: new Types.ObjectId(ann.id),
      contentHash: 'x',
      type: 'user',
      version: 1,
      createdAt: new Date(),
      conversationId: new Types.ObjectId(conversation.id),
      seq,
      clientId: randomUUID(),
      text: `text ${seq}`,
      mood: 'a field of a newer version',
      outbox: [entryOf('message.created'), entryOf('message.noted')],
    }))
    await collection('messages').insertMany(messages)
    await sweep()
    const told = () =>
      stream.events.filter(({ event }) => event.startsWith('message.')).map(({ event, data }) => [event, (data as Told).message.seq])
    await expect.poll(told).toHaveLength(6)
    expect(told()).toEqual(
      [1, 2, 3].flatMap((seq) => [
        ['message.created', seq],
        ['message.updated', seq],
      ]),
    )
    await expect.poll(left).toBe(0)
  })

  it('is told of a person to their devices and their company, as they are now', async () => {
    const { ann, bob } = await aDirectConversation(app)
    const streams = [await aStream(ann, app), await aStream(bob, app)]
    await leave('users', ann.id, entryOf('user.promoted'))
    await sweep()
    for (const stream of streams)
      await expect.poll(() => lastTold(stream, 'user.updated')).toMatchObject({ user: { id: ann.id, name: ann.name } })
    await expect.poll(left).toBe(0)
  })

  it('is told of a group as something to fetch', async () => {
    const { members, conversation } = await aGroup(app, 3)
    const streams = await Promise.all(members.map((member) => aStream(member, app)))
    await leave('conversations', conversation.id, entryOf('conversation.themed'))
    await sweep()
    for (const stream of streams)
      await expect.poll(() => lastTold(stream, 'conversation.updated')).toMatchObject({ conversationId: conversation.id, fetch: true })
    await expect.poll(left).toBe(0)
  })

  it('is told of an upload, a block and an export to who has it', async () => {
    const { ann, bob } = await aDirectConversation(app)
    await ann.put(`/blocks/${bob.id}`).expect(204)
    const file = { fileName: 'a.txt', contentType: 'text/plain', size: 1, checksumSha256: `${'A'.repeat(43)}=`, purpose: 'attachment' }
    const upload = await ann.post('/uploads', file).expect(201)
    const job = { _id: new Types.ObjectId(), kind: 'of a newer version', userId: new Types.ObjectId(ann.id), status: 'done' }
    await collection('jobs').insertOne({ ...job, progress: 100, attempts: 1, dueAt: new Date(), createdAt: new Date() })
    const stream = await aStream(ann, app)
    const block = await collection('blocks').findOne({})
    await leave('uploads', upload.body.id, entryOf('upload.translated'))
    await leave('blocks', String(block?._id), entryOf('block.explained'))
    await leave('jobs', job._id.toHexString(), entryOf('job.paused'))
    await sweep()
    await expect.poll(() => lastTold(stream, 'upload.updated')).toMatchObject({ upload: { id: upload.body.id, status: 'pending' } })
    await expect.poll(() => lastTold(stream, 'block.updated')).toMatchObject({ userId: bob.id, fetch: true })
    await expect.poll(() => lastTold(stream, 'export.ready')).toMatchObject({ fetch: true })
    await expect.poll(left).toBe(0)
  })

  it('ends no session', async () => {
    const { ann } = await aDirectConversation(app)
    const stream = await aStream(ann, app)
    const { body } = await ann.get('/sessions').expect(200)
    await leave('sessions', body.items[0].id, entryOf('session.renamed'))
    await sweep()
    await expect.poll(left).toBe(0)
    await ann.get('/users/me').expect(200)
    expect(stream.events.map(({ event }) => event)).not.toContain('session.revoked')
  })
})

it('a document that cannot be told keeps no other from being told', async () => {
  const groups = [await aGroup(app, 2), await aGroup(app, 2), await aGroup(app, 2)]
  const [, middle] = groups
  if (!middle) throw new Error('three groups')
  const stream = await aStream(middle.owner, app)
  for (const group of groups) {
    const data = {
      userIds: group.owner.id,
      role: group === middle ? 'member' : 'a role that nobody knows',
      joinedAt: new Date().toISOString(),
    }
    await leave('conversations', group.conversation.id, entryOf('member.updated', data))
  }
  await sweep()
  await expect.poll(() => lastTold(stream, 'member.updated')).toMatchObject({ conversationId: middle.conversation.id })
  await expect.poll(left).toBe(2)
})

describe('a message with fields of a newer version', () => {
  it('keeps them while it is edited, and nothing of them once it is deleted', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const { body } = await ann.send(conversation.id, { text: 'a secret' }).expect(201)
    const of = { _id: new Types.ObjectId(String(body.id)) }
    await collection('messages').updateOne(of, { $set: { translation: { de: 'ein Geheimnis' } } })
    await ann.patch(`/messages/${body.id}`, { text: 'still a secret' }).expect(200)
    expect(await collection('messages').findOne(of)).toMatchObject({ translation: { de: 'ein Geheimnis' } })
    await ann.delete(`/messages/${body.id}?scope=all`).expect(200)
    const stored = await collection('messages').findOne(of)
    expect(stored).toMatchObject({ seq: 1, text: null, version: 3, deletedAt: expect.any(Date), changedAt: expect.any(Date) })
    expect(JSON.stringify(stored)).not.toMatch(/translation|secret|Geheimnis/)
  })
})

type Told = { readonly message: { readonly seq: number } }
