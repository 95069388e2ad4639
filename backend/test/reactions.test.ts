import { randomUUID } from 'node:crypto'
import { mongo, Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MessageDocument } from '../src/features/messages/index.js'
import { outboxEntry } from '../src/realtime/outbox-entry.js'
import { aDirectConversation, aGroup, aPerson, type Person, peopleInNumbers } from './support/people.js'
import { react, someEmoji, unreact } from './support/reactions.js'
import { countCommands } from './support/streams.js'
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
const storedAs = async (id: string): Promise<MessageDocument> => {
  const message = await stored().findOne({ _id: new Types.ObjectId(id) })
  if (!message) throw new Error('it was stored')
  return message
}
const change = (id: string, fields: Partial<MessageDocument>) => stored().updateOne({ _id: new Types.ObjectId(id) }, { $set: fields })
const reactionsIn = async (person: Person, id: string) => (await person.get(`/messages/${id}`).expect(200)).body.reactions
const someIds = (count: number): Types.ObjectId[] => Array.from({ length: count }, () => new Types.ObjectId())

/** Ann's message to Bob. */
const aMessage = async () => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  const { body } = await ann.send(conversation.id, { text: 'hello' }).expect(201)
  return { ann, bob, conversation, message: body }
}

/** A group of many who never signed in, with a message; who asks, asks the service. */
const inACrowd = async (count: number) => {
  const owner = await aPerson(app)
  const ids = await peopleInNumbers(app, count)
  const { body: conversation } = await owner.post('/conversations', { type: 'group', name: 'The hill', memberIds: ids }).expect(201)
  const { body: message } = await owner.send(conversation.id, { text: 'hello' }).expect(201)
  const reactAs = (n: number, emoji: string, worker = n) =>
    (worker % 2 === 0 ? app : neighbour).context.reactions.add({ userId: ids[n] ?? '', sessionId: '' }, message.id, emoji)
  return { owner, ids, message, reactAs }
}

describe('a reaction', () => {
  it('is shown with how many chose it, who, and whether oneself did; to each reader their own', async () => {
    const { ann, bob, conversation, message } = await aMessage()
    expect(message).toMatchObject({ reactions: [], reactionsVersion: 0 })
    const own = await react(app, bob, message.id, '👍').expect(200)
    const ofBob = { emoji: '👍', count: 1, userIds: [bob.id], mine: true }
    expect(own.body).toEqual({ ...message, reactions: [ofBob], reactionsVersion: 1 })
    await react(app, bob, message.id, '🎉').expect(200)
    const ofBoth = { emoji: '👍', count: 2, userIds: [bob.id, ann.id], mine: true }
    const party = { emoji: '🎉', count: 1, userIds: [bob.id] }
    const { body } = await react(app, ann, message.id, '👍').expect(200)
    expect(body).toEqual({ ...message, reactions: [ofBoth, { ...party, mine: false }], reactionsVersion: 3 })
    expect((await ann.get(`/messages/${message.id}`).expect(200)).body).toEqual(body)
    const page = await bob.get(`/conversations/${conversation.id}/messages`).expect(200)
    expect(page.body.items).toEqual([{ ...body, reactions: [ofBoth, { ...party, mine: true }] }])
  })

  it('is answered with the message as it is read, what it replies to with it', async () => {
    const { ann, bob, conversation, message } = await aMessage()
    const reply = { clientId: randomUUID(), text: 'an answer', replyTo: message.id }
    const { body: sent } = await bob.post(`/conversations/${conversation.id}/messages`, reply).expect(201)
    for (const ask of [react, unreact]) {
      const { body } = await ask(app, ann, sent.id, '👍').expect(200)
      expect(body.replyTo).toMatchObject({ id: message.id, text: 'hello' })
      expect(body).toEqual((await ann.get(`/messages/${sent.id}`).expect(200)).body)
    }
  })

  it('is one for each person and emoji: again changes nothing', async () => {
    const { bob, message } = await aMessage()
    const first = await react(app, bob, message.id, '👍').expect(200)
    const before = await storedAs(message.id)
    expect((await react(app, bob, message.id, '👍').expect(200)).body).toEqual(first.body)
    expect(await storedAs(message.id)).toEqual(before)
  })

  it('is taken back; an emoji that nobody chose is not shown, and taking back again changes nothing', async () => {
    const { ann, bob, message } = await aMessage()
    await react(app, bob, message.id, '👍').expect(200)
    await react(app, ann, message.id, '👍').expect(200)
    const one = await unreact(app, bob, message.id, '👍').expect(200)
    expect(one.body.reactions).toEqual([{ emoji: '👍', count: 1, userIds: [ann.id], mine: false }])
    const none = await unreact(app, ann, message.id, '👍').expect(200)
    expect(none.body).toEqual({ ...message, reactions: [], reactionsVersion: 4 })
    const before = await storedAs(message.id)
    expect((await unreact(app, ann, message.id, '👍').expect(200)).body).toEqual(none.body)
    expect((await unreact(app, ann, message.id, '🎉').expect(200)).body).toEqual(none.body)
    expect(await storedAs(message.id)).toEqual(before)
  })

  it('leaves those of others as they are when it is taken back', async () => {
    const { ann, bob, message } = await aMessage()
    await react(app, bob, message.id, '👍').expect(200)
    await unreact(app, ann, message.id, '👍').expect(200)
    expect(await reactionsIn(ann, message.id)).toEqual([{ emoji: '👍', count: 1, userIds: [bob.id], mine: false }])
  })

  it('is the same one with and without variation selectors; a skin tone makes another', async () => {
    const { bob, message } = await aMessage()
    for (const emoji of ['❤', '❤\uFE0F', '❤\uFE0E', '👍', '👍🏽']) await react(app, bob, message.id, emoji).expect(200)
    const shown = (await reactionsIn(bob, message.id)).map(({ emoji, count }: { emoji: string; count: number }) => [emoji, count])
    expect(shown).toEqual([
      ['❤\uFE0F', 1],
      ['👍', 1],
      ['👍🏽', 1],
    ])
    await unreact(app, bob, message.id, '❤').expect(200)
    expect(await reactionsIn(bob, message.id)).toHaveLength(2)
  })

  it.each(['a', '1', ':+1:', '👍👍', '$set', '🇩', '\u200B', '👍'.repeat(500), '%', '__proto__'])(
    'is an emoji, which %j is not: 400, nothing changed',
    async (emoji) => {
      const { bob, message } = await aMessage()
      for (const ask of [react, unreact]) {
        const { body } = await ask(app, bob, message.id, emoji).expect(400)
        expect(body).toMatchObject({ code: 'validation_failed', errors: [{ path: 'params.emoji', message: 'one emoji' }] })
      }
      expect(await storedAs(message.id)).not.toHaveProperty('reactions')
    },
  )

  it('leaves the message’s text, version and time of editing alone, as an edit leaves it', async () => {
    const { ann, bob, message } = await aMessage()
    await react(app, bob, message.id, '👍').expect(200)
    const edited = await ann.patch(`/messages/${message.id}`, { text: 'after' }).expect(200)
    expect(edited.body).toMatchObject({ text: 'after', version: 2, reactions: [{ emoji: '👍', count: 1 }], reactionsVersion: 1 })
    const { body } = await react(app, ann, message.id, '👍').expect(200)
    expect(body).toMatchObject({ text: 'after', version: 2, editedAt: edited.body.editedAt, reactionsVersion: 2 })
  })
})

describe('who reacts', () => {
  it('is a member: 404 for others, for who has left, and for a message that is not there', async () => {
    const { owner, members, conversation } = await aGroup(app, 3)
    const [, leaver] = members
    if (!leaver) throw new Error('a group of three')
    const { body } = await owner.send(conversation.id, { text: 'hello' }).expect(201)
    await react(app, leaver, body.id, '👍').expect(200)
    await leaver.post(`/conversations/${conversation.id}/leave`, {}).expect(204)
    for (const person of [leaver, await aPerson(app)]) {
      for (const ask of [react, unreact]) expect((await ask(app, person, body.id, '👍').expect(404)).body.code).toBe('not_found')
    }
    await react(app, owner, new Types.ObjectId().toHexString(), '👍').expect(404)
    expect(await reactionsIn(owner, body.id)).toHaveLength(1)
  })

  it('may see the message: 404 for what was said before one came, where history is by joining', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    await owner.patch(`/conversations/${conversation.id}`, { settings: { history: 'joined' } }).expect(200)
    const { body: early } = await owner.send(conversation.id, { text: 'early' }).expect(201)
    const newcomer = await aPerson(app)
    await owner.post(`/conversations/${conversation.id}/members`, { userIds: [newcomer.id] }).expect(200)
    const { body: late } = await owner.send(conversation.id, { text: 'late' }).expect(201)
    for (const ask of [react, unreact]) await ask(app, newcomer, early.id, '👍').expect(404)
    await react(app, newcomer, late.id, '👍').expect(200)
    expect(await reactionsIn(owner, early.id)).toEqual([])
  })

  it('gets 409 for a deleted message, and 403 for one of the conversation’s own', async () => {
    const { ann, bob, message } = await aMessage()
    await react(app, bob, message.id, '👍').expect(200)
    await ann.delete(`/messages/${message.id}?scope=all`).expect(200)
    expect((await react(app, bob, message.id, '🎉').expect(409)).body).toMatchObject({ code: 'conflict', detail: 'The message is deleted' })
    expect((await unreact(app, bob, message.id, '👍').expect(200)).body).toMatchObject({ text: null, reactions: [] })
    const { ann: eve, message: other } = await aMessage()
    await change(other.id, { type: 'system', text: null })
    expect((await react(app, eve, other.id, '👍').expect(403)).body.code).toBe('forbidden')
  })

  it('has not deleted the message for themselves: 409, and they see no reaction of others either', async () => {
    const { ann, bob, message } = await aMessage()
    await react(app, bob, message.id, '👍').expect(200)
    await bob.delete(`/messages/${message.id}?scope=me`).expect(200)
    expect((await react(app, bob, message.id, '🎉').expect(409)).body.detail).toBe('The message is deleted')
    await react(app, ann, message.id, '❤').expect(200)
    expect((await bob.get(`/messages/${message.id}`).expect(200)).body).toMatchObject({ text: null, reactions: [], reactionsVersion: 0 })
    expect(await reactionsIn(ann, message.id)).toMatchObject([{ emoji: '👍', count: 1 }, { emoji: '❤\uFE0F' }])
  })

  it('is not one of two who are apart: 403; what one has said may be taken back', async () => {
    const { ann, bob, message } = await aMessage()
    await react(app, bob, message.id, '👍').expect(200)
    await ann.put(`/blocks/${bob.id}`).expect(204)
    for (const person of [ann, bob]) expect((await react(app, person, message.id, '🎉').expect(403)).body.code).toBe('forbidden')
    await react(app, bob, message.id, '👍').expect(200)
    await unreact(app, bob, message.id, '👍').expect(200)
    expect(await reactionsIn(ann, message.id)).toEqual([])
  })
})

describe('a deleted message', () => {
  it('has no reactions any more, for anybody, nor in the database', async () => {
    const { ann, bob, message } = await aMessage()
    await react(app, bob, message.id, '👍').expect(200)
    const { body } = await ann.delete(`/messages/${message.id}?scope=all`).expect(200)
    expect(body).toMatchObject({ text: null, reactions: [], reactionsVersion: 0 })
    expect(await reactionsIn(bob, message.id)).toEqual([])
    const tombstone = await storedAs(message.id)
    expect(tombstone).not.toHaveProperty('reactions')
    expect(tombstone).not.toHaveProperty('reactionsVersion')
  })

  it('ends without reactions however many come while it is deleted', async () => {
    const { message, owner, reactAs } = await inACrowd(20)
    const reacting = Array.from({ length: 20 }, (_, n) => reactAs(n, '👍').catch((error: { code: string }) => error.code))
    const deleting = owner.delete(`/messages/${message.id}?scope=all`).expect(200)
    for (const outcome of await Promise.all(reacting)) expect(outcome === 'conflict' || typeof outcome === 'object').toBe(true)
    await deleting
    expect(await storedAs(message.id)).not.toHaveProperty('reactions')
  })
})

describe('of a hundred at once, at two workers', () => {
  it('each is counted once, and each change has its own number', async () => {
    const { owner, ids, message, reactAs } = await inACrowd(100)
    await Promise.all(ids.map((_, n) => reactAs(n, '👍')))
    const [shown] = await reactionsIn(owner, message.id)
    expect(shown).toMatchObject({ emoji: '👍', count: 100, mine: false })
    const { reactions = [], reactionsVersion, outbox = [] } = await storedAs(message.id)
    const chosen = reactions[0]?.userIds.map((id) => id.toHexString()) ?? []
    expect(chosen.toSorted()).toEqual(ids.toSorted())
    expect(shown.userIds).toEqual(chosen.slice(0, 10))
    expect(reactionsVersion).toBe(100)
    const told = outbox.filter(({ type }) => type === 'reaction.added').map(({ data }) => [data?.['userId'], data?.['reactionsVersion']])
    expect(told).toEqual(chosen.map((id, n) => [id, `${n + 1}`]))
  })

  it('of one person and emoji one is kept and told', async () => {
    const { message, reactAs } = await inACrowd(2)
    await Promise.all(Array.from({ length: 100 }, (_, n) => reactAs(1, '👍', n)))
    const { reactions, reactionsVersion, outbox = [] } = await storedAs(message.id)
    expect([reactions?.[0]?.userIds.length, reactionsVersion, outbox.filter(({ type }) => type === 'reaction.added').length]).toEqual([
      1, 1, 1,
    ])
  })

  it('no more are kept than a person may have, nor than different ones: 409 for the others', async () => {
    const { owner, message, reactAs } = await inACrowd(6)
    const outcome = (asked: Promise<MessageDocument>) => asked.then(() => 'kept').catch((error: { code: string }) => error.code)
    const keptOf = (outcomes: readonly unknown[]) => outcomes.filter((each) => each === 'kept').length
    const own = await Promise.all(someEmoji(30).map((emoji, n) => outcome(reactAs(0, emoji, n))))
    expect([keptOf(own), new Set(own)]).toEqual([20, new Set(['kept', 'conflict'])])
    const others = await Promise.all(someEmoji(60).map((emoji, n) => outcome(reactAs(1 + (n % 5), emoji))))
    expect(new Set(others)).toEqual(new Set(['kept', 'conflict']))
    const { reactions = [] } = await storedAs(message.id)
    expect(reactions).toHaveLength(50)
    const shown = await reactionsIn(owner, message.id)
    expect(shown.reduce((sum: number, { count }: { count: number }) => sum + count, 0)).toBe(20 + keptOf(others))
  })

  it('none is refused for an edit at the same time, nor the edit', async () => {
    const { owner, ids, message, reactAs } = await inACrowd(40)
    const edits = Array.from({ length: 5 }, (_, n) => owner.patch(`/messages/${message.id}`, { text: `edit ${n}` }).expect(200))
    await Promise.all([...ids.map((_, n) => reactAs(n, '👍')), ...edits])
    expect(await storedAs(message.id)).toMatchObject({ version: 6, reactionsVersion: 40 })
  })
})

describe('the bounds of a message’s reactions', () => {
  it('are 50 different emoji: 409 for another, not for one that is there', async () => {
    const { bob, message } = await aMessage()
    const [another = '', ...emoji] = someEmoji(51)
    await change(message.id, { reactions: emoji.map((each) => ({ emoji: each, userIds: someIds(1) })) })
    const refused = await react(app, bob, message.id, another).expect(409)
    expect(refused.body).toMatchObject({ code: 'conflict', detail: 'A message has reactions of 50 different emoji at most' })
    const { body } = await react(app, bob, message.id, emoji[7] ?? '').expect(200)
    expect(body.reactions[7]).toMatchObject({ count: 2, mine: true })
  })

  it('are 20 of one person: 409 for another until one is taken back', async () => {
    const { bob, message } = await aMessage()
    const [another = '', ...emoji] = someEmoji(21)
    for (const each of emoji) await react(app, bob, message.id, each).expect(200)
    const refused = await react(app, bob, message.id, another).expect(409)
    expect(refused.body.detail).toBe('One person has 20 reactions to a message at most')
    await unreact(app, bob, message.id, emoji[3] ?? '').expect(200)
    await react(app, bob, message.id, another).expect(200)
  })

  it('are 2,048 in all: 409 for another; so many make a small document, and ten of each emoji are shown', async () => {
    const { bob, message } = await aMessage()
    const emoji = someEmoji(50)
    await change(message.id, { reactions: emoji.map((each, n) => ({ emoji: each, userIds: someIds(n < 48 ? 41 : 40) })) })
    const refused = await react(app, bob, message.id, emoji[0] ?? '').expect(409)
    expect(refused.body.detail).toBe('A message has 2048 reactions at most')
    expect(mongo.BSON.calculateObjectSize(await storedAs(message.id))).toBeLessThan(64 * 1024)
    const { text } = await bob.get(`/messages/${message.id}`).expect(200)
    expect(text.length).toBeLessThan(32 * 1024)
    const { reactions } = JSON.parse(text)
    expect(reactions[0]).toMatchObject({ count: 41, mine: false })
    expect(reactions[0].userIds).toHaveLength(10)
  })

  it('hold for what waits to be told: 503 with all that may, 429 with what one person may; edits go on', async () => {
    const { ann, bob, message } = await aMessage()
    const entry = (userId: string) => outboxEntry('another', 'reaction.added', new Date(), { userId, emoji: '👍', reactionsVersion: '1' })
    await change(message.id, { outbox: Array.from({ length: 100 }, () => entry(bob.id)) })
    for (const ask of [react, react]) {
      const refused = await ask(app, bob, message.id, '👍').expect(429)
      expect(refused.headers['retry-after']).toBe('60')
    }
    await react(app, ann, message.id, '👍').expect(200)
    const full = Array.from({ length: 2048 }, () => entry(new Types.ObjectId().toHexString()))
    await change(message.id, { outbox: full })
    expect((await react(app, bob, message.id, '👍').expect(503)).headers['retry-after']).toBeDefined()
    await unreact(app, ann, message.id, '👍').expect(503)
    expect(mongo.BSON.calculateObjectSize(await storedAs(message.id))).toBeLessThan(1024 * 1024)
    await ann.patch(`/messages/${message.id}`, { text: 'after' }).expect(200)
  })
})

describe('a page of messages', () => {
  it('has all their reactions from one query', async () => {
    const { ann, bob, conversation } = await aMessage()
    for (let n = 0; n < 10; n++) {
      const { body } = await ann.send(conversation.id, { text: `${n}` }).expect(201)
      await react(app, bob, body.id, '👍').expect(200)
    }
    const read = async () => {
      const { body } = await bob.get(`/conversations/${conversation.id}/messages?limit=10`).expect(200)
      for (const { reactions } of body.items) expect(reactions).toEqual([{ emoji: '👍', count: 1, userIds: [bob.id], mine: true }])
      expect(body.items).toHaveLength(10)
    }
    await read()
    expect(await countCommands(app, 'find', 'messages', read)).toBe(1)
    expect(await countCommands(app, 'aggregate', 'messages', read)).toBe(0)
  })
})
