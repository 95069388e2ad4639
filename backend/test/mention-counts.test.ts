import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MessageDocument } from '../src/features/messages/index.js'
import { aGroup, aPerson, type Person } from './support/people.js'
import { plansOf } from './support/plans.js'
import { countCommands } from './support/streams.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

interface Counts {
  readonly mentionCount: number
  readonly unreadCount: number
  readonly lastSeq: number
}

const messages = () => app.context.mongo.connection.collection<MessageDocument>('messages')

const mention = async (sender: Person, id: string, ...people: Person[]): Promise<{ id: string; seq: number }> => {
  const text = people.map(() => '@you').join(' ')
  const mentions = people.map((person, n) => ({ userId: person.id, offset: n * 5, length: 4 }))
  const content = { clientId: randomUUID(), text: text || 'nobody', mentions }
  return (await sender.post(`/conversations/${id}/messages`, content).expect(201)).body
}

/** By itself and in the list, which say the same. */
const countsOf = async (person: Person, id: string): Promise<Counts> => {
  const { body } = await person.get(`/conversations/${id}`).expect(200)
  const { items } = (await person.get('/conversations').expect(200)).body
  expect(items.find((each: { id: string }) => each.id === id)).toEqual(body)
  return body
}
/** Once the conversation has noted so many messages. */
const countAt = async (person: Person, id: string, lastSeq: number): Promise<number> => {
  await expect.poll(async () => (await person.get(`/conversations/${id}`).expect(200)).body.lastSeq).toBe(lastSeq)
  return (await countsOf(person, id)).mentionCount
}
const read = (person: Person, id: string, readSeq: number) => person.post(`/conversations/${id}/receipts`, { readSeq }).expect(204)

const aGroupOfThree = async () => {
  const { members, conversation } = await aGroup(app, 3)
  const [owner, ann, bob] = members
  if (!owner || !ann || !bob) throw new Error('a group of three')
  return { owner, ann, bob, id: conversation.id }
}

describe('how often one is mentioned', () => {
  it('counts the unread messages that mention one, each once, for each their own', async () => {
    const { owner, ann, bob, id } = await aGroupOfThree()
    expect(await countAt(ann, id, 0)).toBe(0)
    await mention(owner, id, ann)
    await mention(owner, id, ann, ann, bob)
    await mention(owner, id)
    expect(await countAt(ann, id, 3)).toBe(2)
    expect(await countAt(bob, id, 3)).toBe(1)
    expect(await countAt(owner, id, 3)).toBe(0)
    expect(await countsOf(ann, id)).toMatchObject({ mentionCount: 2, unreadCount: 3 })
  })

  it('falls as one reads, or writes, which is reading', async () => {
    const { owner, ann, bob, id } = await aGroupOfThree()
    for (let n = 0; n < 3; n++) await mention(owner, id, ann, bob)
    expect(await countAt(ann, id, 3)).toBe(3)
    await read(ann, id, 2)
    expect(await countAt(ann, id, 3)).toBe(1)
    await mention(bob, id, bob)
    await expect.poll(() => countAt(bob, id, 4)).toBe(0)
    expect(await countsOf(bob, id)).toMatchObject({ unreadCount: 0, mentionCount: 0 })
  })

  it('leaves out what is deleted, for all or for oneself, and what an edit takes back; they stay unread', async () => {
    const { owner, ann, bob, id } = await aGroupOfThree()
    const said = [await mention(owner, id, ann, bob), await mention(owner, id, ann, bob), await mention(owner, id, ann, bob)]
    const [first, second, third] = said.map((message) => `/messages/${message.id}`)
    await owner.delete(`${first}?scope=all`).expect(200)
    expect(await countAt(ann, id, 3)).toBe(2)
    await ann.delete(`${second}?scope=me`).expect(200)
    expect(await countAt(ann, id, 3)).toBe(1)
    expect(await countAt(bob, id, 3)).toBe(2)
    await owner.patch(third ?? '', { text: 'nobody', mentions: [] }).expect(200)
    expect(await countsOf(ann, id)).toMatchObject({ mentionCount: 0, unreadCount: 3 })
    expect(await countAt(bob, id, 3)).toBe(1)
  })

  it('has nothing from before one came', async () => {
    const { owner, id } = await aGroupOfThree()
    const newcomer = await aPerson(app)
    await mention(owner, id, owner)
    await owner.post(`/conversations/${id}/members`, { userIds: [newcomer.id] }).expect(200)
    expect(await countAt(newcomer, id, 2)).toBe(0)
    await mention(owner, id, newcomer)
    expect(await countAt(newcomer, id, 3)).toBe(1)
  })

  it('ends at 999, and others are counted right where one has more than all are counted together', async () => {
    const { owner, ann, id } = await aGroupOfThree()
    const { body: quiet } = await owner.post('/conversations', { type: 'group', name: 'Quiet', memberIds: [ann.id] }).expect(201)
    await mention(owner, quiet.id, ann)
    const many = (from: number, count: number) =>
      Array.from({ length: count }, (_, n) => ({
        _id: new Types.ObjectId(),
        conversationId: new Types.ObjectId(id),
        seq: from + n,
        senderId: new Types.ObjectId(owner.id),
        clientId: randomUUID(),
        contentHash: 'x',
        type: 'user' as const,
        text: '@you',
        mentions: [{ userId: new Types.ObjectId(ann.id), offset: 0, length: 4 }],
        version: 1,
        createdAt: new Date(),
        changedAt: new Date(),
      }))
    const lastSeq = (seq: number) =>
      app.context.mongo.connection.collection('conversations').updateOne({ _id: new Types.ObjectId(id) }, { $set: { lastSeq: seq } })
    await messages().insertMany(many(1, 1001))
    await lastSeq(1001)
    expect(await countAt(ann, id, 1001)).toBe(999)
    expect(await countAt(ann, quiet.id, 1)).toBe(1)
    for (let from = 1002; from < 10_002; from += 3000) await messages().insertMany(many(from, 3000))
    await lastSeq(10_001)
    expect(await countAt(ann, id, 10_001)).toBe(999)
    expect(await countAt(ann, quiet.id, 1)).toBe(1)
    await read(ann, id, 9_999)
    expect(await countAt(ann, id, 10_001)).toBe(2)
  }, 90_000)

  it('takes one command for a page of conversations, by the index, and none where all is read', async () => {
    const { owner, ann, id } = await aGroupOfThree()
    for (let n = 0; n < 4; n++) {
      const { body } = await owner.post('/conversations', { type: 'group', name: `Group ${n}`, memberIds: [ann.id] }).expect(201)
      await mention(owner, body.id, ann)
      await countAt(ann, body.id, 1)
    }
    const counting = ({ pipeline }: { pipeline?: unknown }) => JSON.stringify(pipeline).includes('mentions.userId')
    const commands = (path: string) => countCommands(app, 'aggregate', 'messages', async () => ann.get(path).expect(200), counting)
    expect(await commands('/conversations')).toBe(1)
    expect(await commands(`/conversations/${id}`)).toBe(0)
    const unread = { conversationId: new Types.ObjectId(id), 'mentions.userId': new Types.ObjectId(ann.id), seq: { $gt: 0 } }
    const other = { ...unread, conversationId: new Types.ObjectId() }
    const plans = await plansOf(app, 'messages', () =>
      messages()
        .find({ $or: [unread, other] })
        .toArray(),
    )
    expect(plans).toEqual([{ index: 'conversation_mention', sortsOrScans: false }])
  })
})
