import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MessageDocument } from '../src/features/messages/index.js'
import { openStream } from './support/message-stream.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { countCommands, dataOf } from './support/streams.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

interface Message {
  readonly id: string
  readonly seq: number
}

const messages = () => app.context.mongo.connection.collection<MessageDocument>('messages')
const conversations = () => app.context.mongo.connection.collection('conversations')
const say = async (person: Person, id: string, text: string): Promise<Message> => (await person.send(id, { text }).expect(201)).body
const remove = (person: Person, { id }: Message, scope: 'me' | 'all') => person.delete(`/messages/${id}?scope=${scope}`).expect(200)

/** As a person sees it, once it has noted its newest message: by itself, in the list, and among all that has changed, which say the same. */
const lastOf = async (person: Person, id: string, lastSeq: number): Promise<Message | null> => {
  await expect.poll(async () => (await person.get(`/conversations/${id}`).expect(200)).body.lastSeq).toBe(lastSeq)
  const { body } = await person.get(`/conversations/${id}`).expect(200)
  for (const path of ['/conversations', '/sync']) {
    const { items } = (await person.get(path).expect(200)).body
    expect(items.find((each: { id: string }) => each.id === id)).toEqual(body)
  }
  return body.lastMessage
}

/** Messages as if they had been said long ago, without going through the lane. */
const saidBefore = async (id: string, sender: Person, count: number, alike: (seq: number) => Partial<MessageDocument> = () => ({})) => {
  const conversationId = new Types.ObjectId(id)
  const createdAt = new Date(Date.now() - 60_000)
  const documents = Array.from({ length: count }, (_, n) => ({
    _id: new Types.ObjectId(),
    conversationId,
    seq: n + 1,
    senderId: new Types.ObjectId(sender.id),
    clientId: randomUUID(),
    contentHash: 'x',
    type: 'user' as const,
    text: `number ${n + 1}`,
    version: 1,
    createdAt,
    changedAt: createdAt,
    ...alike(n + 1),
  }))
  await messages().insertMany(documents)
  await conversations().updateOne({ _id: conversationId }, { $set: { lastSeq: count, lastMessageAt: createdAt } })
}
const gone = { text: null, deletedAt: new Date() }
const hiddenFrom = (person: Person) => ({ hiddenFor: [new Types.ObjectId(person.id)], hiddenAt: [new Date()] })
const deleteAll = (id: string, seq: object) => messages().updateMany({ conversationId: new Types.ObjectId(id), seq }, { $set: gone })

describe('the last message of a conversation', () => {
  it('is none at first, then what was said last, whole, as edited since', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    expect(await lastOf(ann, conversation.id, 0)).toBeNull()
    const first = await say(ann, conversation.id, 'one')
    expect(await lastOf(bob, conversation.id, 1)).toEqual(first)
    const { body: edited } = await ann.patch(`/messages/${first.id}`, { text: 'two' }).expect(200)
    expect(await lastOf(bob, conversation.id, 1)).toEqual(edited)
    const second = await say(bob, conversation.id, 'three')
    expect(await lastOf(ann, conversation.id, 2)).toEqual(second)
  })

  it('is a system message, where that is the newest', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    await owner.patch(`/conversations/${conversation.id}`, { name: 'The valley' }).expect(200)
    expect(await lastOf(owner, conversation.id, 1)).toMatchObject({ type: 'system', system: { name: 'The valley' } })
  })

  it('is the one before, once it is deleted for all, and none where nothing is left', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const [first, second, third] = [
      await say(ann, conversation.id, '1'),
      await say(ann, conversation.id, '2'),
      await say(ann, conversation.id, '3'),
    ]
    await remove(ann, second, 'all')
    expect(await lastOf(bob, conversation.id, 3)).toEqual(third)
    await remove(ann, third, 'all')
    for (const person of [ann, bob]) expect(await lastOf(person, conversation.id, 3)).toEqual(first)
    await remove(ann, first, 'all')
    for (const person of [ann, bob]) expect(await lastOf(person, conversation.id, 3)).toBeNull()
    const fourth = await say(bob, conversation.id, '4')
    for (const person of [ann, bob]) expect(await lastOf(person, conversation.id, 4)).toEqual(fourth)
  })

  it('is the one before for who has deleted it for themselves, and for nobody else', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const [first, second] = [await say(ann, conversation.id, '1'), await say(ann, conversation.id, '2')]
    await remove(bob, second, 'me')
    expect(await lastOf(bob, conversation.id, 2)).toEqual(first)
    expect(await lastOf(ann, conversation.id, 2)).toEqual(second)
    await remove(ann, first, 'all')
    expect(await lastOf(bob, conversation.id, 2)).toBeNull()
    expect(await lastOf(ann, conversation.id, 2)).toEqual(second)
  })

  it('is never from before one came into a group whose history is by joining', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    await owner.patch(`/conversations/${conversation.id}`, { settings: { history: 'joined' } }).expect(200)
    const early = await say(owner, conversation.id, 'early')
    const newcomer = await aPerson(app)
    await owner.post(`/conversations/${conversation.id}/members`, { userIds: [newcomer.id] }).expect(200)
    await expect.poll(() => lastOf(newcomer, conversation.id, 2)).toMatchObject({ seq: 2, type: 'system' })
    const welcome = await lastOf(newcomer, conversation.id, 2)
    if (welcome) await remove(newcomer, welcome, 'me')
    expect(await lastOf(newcomer, conversation.id, 2)).toBeNull()
    if (welcome) await remove(owner, welcome, 'me')
    expect(await lastOf(owner, conversation.id, 2)).toEqual(early)
  })

  it('is found behind however much was deleted, for all and for oneself, and by each their own', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const whatBecame = (seq: number) => (seq > 400 ? gone : seq > 300 || seq <= 100 ? hiddenFrom(bob) : {})
    await saidBefore(conversation.id, ann, 800, whatBecame)
    for (let twice = 0; twice < 2; twice++) {
      expect(await lastOf(ann, conversation.id, 800)).toMatchObject({ seq: 400, text: 'number 400' })
      expect(await lastOf(bob, conversation.id, 800)).toMatchObject({ seq: 300, text: 'number 300' })
    }
    await deleteAll(conversation.id, { $gt: 100, $lte: 400 })
    expect(await lastOf(bob, conversation.id, 800)).toBeNull()
    expect(await lastOf(ann, conversation.id, 800)).toMatchObject({ seq: 100 })
    const next = await say(ann, conversation.id, 'next')
    for (const person of [ann, bob]) expect(await lastOf(person, conversation.id, 801)).toEqual(next)
    await remove(ann, next, 'all')
    expect(await lastOf(ann, conversation.id, 801)).toMatchObject({ seq: 100 })
    expect(await lastOf(bob, conversation.id, 801)).toBeNull()
  })

  it('is looked for once, where much of it is deleted for all', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    await saidBefore(conversation.id, ann, 400, () => gone)
    const looksBack = ({ pipeline }: { pipeline?: unknown }) => !JSON.stringify(pipeline).includes('mentions')
    const look = async (person: Person) => person.get(`/conversations/${conversation.id}`).expect(200)
    expect(await countCommands(app, 'aggregate', 'messages', () => look(ann), looksBack)).toBe(3) // 32, 256 and the rest
    expect(await countCommands(app, 'aggregate', 'messages', () => look(bob), looksBack)).toBe(0)
    expect((await look(bob)).body.lastMessage).toBeNull()
  })

  it('is right in the list while messages come and go', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    const first = await say(ann, conversation.id, 'stays')
    const coming = new AbortController()
    const going = (async () => {
      for (let n = 0; n < 30; n++) await remove(ann, await say(ann, conversation.id, 'secret'), 'all')
    })().finally(() => coming.abort())
    while (!coming.signal.aborted) {
      const { items } = (await bob.get('/conversations').expect(200)).body
      const { lastMessage, lastSeq } = items[0]
      if (lastMessage === null)
        expect(lastSeq).toBe(0) // its first message is not noted yet
      else expect([first.seq, lastSeq]).toContain(lastMessage.seq)
      expect(lastMessage?.deletedAt ?? null).toBeNull()
    }
    await going
    expect(await lastOf(bob, conversation.id, 31)).toEqual(first)
  })

  it('is no part of what is told of a conversation: no replay brings back what was deleted', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const [, member = owner] = members
    const stream = await openStream(app, member)
    await say(owner, conversation.id, 'secret')
    expect(await lastOf(member, conversation.id, 1)).toMatchObject({ text: 'secret' })
    await owner.patch(`/conversations/${conversation.id}`, { name: 'The valley' }).expect(200)
    await expect.poll(() => dataOf(stream, 'conversation.updated')).toHaveLength(1)
    const [told] = dataOf(stream, 'conversation.updated')
    expect(told?.['conversation']).toMatchObject({ name: 'The valley', lastSeq: 1 })
    expect(told?.['conversation']).not.toHaveProperty('lastMessage')
    expect(JSON.stringify(told)).not.toContain('secret')
  })
})

describe('the list of somebody in many conversations', () => {
  it('takes as many commands for a hundred as for one, whatever is deleted in them', async () => {
    const ann = await aPerson(app)
    const others = await Promise.all([aPerson(app), aPerson(app)])
    const groups: string[] = []
    for (let n = 0; n < 100; n++) {
      const { body } = await ann.post('/conversations', { type: 'group', name: `Group ${n}`, memberIds: others.map(({ id }) => id) })
      groups.push(body.id)
    }
    for (const [n, id] of groups.entries()) {
      await saidBefore(id, ann, 10, (seq) => (n % 3 === 1 && seq > 7 ? gone : n % 3 === 2 && seq > 5 ? hiddenFrom(ann) : {}))
    }
    let items: { lastMessage: { seq: number } | null }[] = []
    const list = (limit: number) => async () => {
      items = (await ann.get(`/conversations?limit=${limit}`).expect(200)).body.items
    }
    const commandsOf = async (limit: number) => {
      const counts: Record<string, number> = {}
      for (const [name, collection] of [
        ['find', 'conversations'],
        ['find', 'messages'],
        ['aggregate', 'messages'],
        ['find', 'receipts'],
      ] as const) {
        counts[`${name} ${collection}`] = await countCommands(app, name, collection, list(limit))
      }
      return counts
    }
    expect(await commandsOf(100)).toEqual({
      'find conversations': 2, // the pinned, and the others
      'find messages': 2,
      'aggregate messages': 2, // past what is deleted, and of mentions
      'find receipts': 1,
    })
    expect(items.map(({ lastMessage }) => lastMessage?.seq)).toEqual(expect.arrayContaining([10, 7, 5]))
    expect(items.every(({ lastMessage }) => [10, 7, 5].includes(lastMessage?.seq ?? 0))).toBe(true)
    expect(await commandsOf(1)).toEqual({
      'find conversations': 2, // the pinned, and the others
      'find messages': 1,
      'aggregate messages': 1,
      'find receipts': 1,
    })
  })
})
