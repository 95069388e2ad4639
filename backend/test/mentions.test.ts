import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type MessageDocument, mentionIndex } from '../src/features/messages/model.js'
import { openStream } from './support/message-stream.js'
import { aGroup, aPerson, type Person } from './support/people.js'
import { dataOf } from './support/streams.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1)
const stored = () => app.context.mongo.connection.collection<MessageDocument>('messages')

const three = async () => {
  const { owner, members, conversation } = await aGroup(app, 3)
  const [, one, other] = members
  if (!one || !other) throw new Error('a group of three')
  return { owner, one, other, conversation }
}

/** `@name` at its place in a text. */
const at = (text: string, name: string, { id: userId }: Person) => ({ userId, offset: text.indexOf(name), length: name.length })

describe('mentions', () => {
  it('are shown in the order of the text, to everyone, by events too', async () => {
    const { owner, one, other, conversation } = await three()
    const stream = await openStream(app, one)
    const text = '🎉 @one, wake @other'
    const [first, second] = [at(text, '@one', one), at(text, '@other', other)]
    expect(first.offset).toBe(3) // UTF-16: the emoji is two
    const { body } = await owner.send(conversation.id, { text, mentions: [second, first] }).expect(201)
    expect(body.mentions).toEqual([first, second])
    expect((await other.get(`/messages/${body.id}`).expect(200)).body).toEqual(body)
    await expect.poll(() => dataOf(stream, 'message.created')).toHaveLength(1)
    expect(dataOf(stream, 'message.created')[0]).toMatchObject({ message: { mentions: [first, second] } })
  })

  it('may be of the same person twice, next to each other, of oneself, and of all of the text', async () => {
    const { owner, one, conversation } = await three()
    const mentions = [
      { userId: one.id, offset: 0, length: 2 },
      { userId: one.id, offset: 2, length: 1 },
      { userId: owner.id, offset: 3, length: 2 },
    ]
    expect((await owner.send(conversation.id, { text: 'hello', mentions }).expect(201)).body.mentions).toEqual(mentions)
  })

  it('may be 50', async () => {
    const { owner, one, conversation } = await three()
    const mentions = upTo(50).map((n) => ({ userId: one.id, offset: n - 1, length: 1 }))
    await owner.send(conversation.id, { text: 'x'.repeat(50), mentions }).expect(201)
  })

  it('may be in what is forwarded, of who is there', async () => {
    const { owner, one, conversation } = await three()
    const { body: original } = await owner.send(conversation.id, { text: 'hello one' }).expect(201)
    const mentions = [{ userId: one.id, offset: 6, length: 3 }]
    expect((await owner.send(conversation.id, { forwardOf: original.id, mentions }).expect(201)).body).toMatchObject({
      text: 'hello one',
      mentions,
    })
  })

  it('are part of what a retry says: 200 in whichever order, 409 for others', async () => {
    const { owner, one, other, conversation } = await three()
    const clientId = randomUUID()
    const mentions = [
      { userId: one.id, offset: 0, length: 1 },
      { userId: other.id, offset: 1, length: 1 },
    ]
    const { body } = await owner.send(conversation.id, { clientId, mentions }).expect(201)
    expect((await owner.send(conversation.id, { clientId, mentions: mentions.toReversed() }).expect(200)).body).toEqual(body)
    await owner.send(conversation.id, { clientId, mentions: mentions.slice(1) }).expect(409)
    await owner.send(conversation.id, { clientId }).expect(409)
    await owner.delete(`/conversations/${conversation.id}/members/${other.id}`).expect(204)
    expect((await owner.send(conversation.id, { clientId, mentions }).expect(200)).body).toEqual(body) // the answer that was lost
  })

  it('go with the message', async () => {
    const { owner, one, conversation } = await three()
    const { body } = await owner.send(conversation.id, { mentions: [{ userId: one.id, offset: 0, length: 5 }] }).expect(201)
    expect((await owner.delete(`/messages/${body.id}?scope=all`).expect(200)).body.mentions).toEqual([])
    expect(await stored().findOne({ _id: new Types.ObjectId(body.id) })).not.toHaveProperty('mentions')
  })

  it('of a person in a conversation are found by an index', async () => {
    const { owner, one, other, conversation } = await three()
    for (const { id: userId } of [one, other, one])
      await owner.send(conversation.id, { mentions: [{ userId, offset: 0, length: 5 }] }).expect(201)
    const { connection } = app.context.mongo
    const messages = connection.getClient().db(connection.name).collection<MessageDocument>('messages')
    const filter = {
      conversationId: new Types.ObjectId(conversation.id),
      'mentions.userId': new Types.ObjectId(one.id),
      seq: { $gt: 1 },
    }
    expect(
      await messages
        .find(filter, { hint: mentionIndex })
        .map(({ seq }) => seq)
        .toArray(),
    ).toEqual([3])
    expect(JSON.stringify(await messages.find(filter, { hint: mentionIndex }).explain())).toContain(mentionIndex)
  })
})

describe('an edit', () => {
  const aMention = async (text: string) => {
    const { owner, one, other, conversation } = await three()
    const mentions = [at(text, '@one', one)]
    const { body } = await owner.send(conversation.id, { text, mentions }).expect(201)
    return { owner, one, other, conversation, message: body, mentions }
  }

  it('without mentions keeps those whose words are still at their place', async () => {
    const { owner, message, mentions } = await aMention('hello @one and all')
    const kept = await owner.patch(`/messages/${message.id}`, { text: 'hullo @one alone' }).expect(200)
    expect(kept.body.mentions).toEqual(mentions)
    const moved = await owner.patch(`/messages/${message.id}`, { text: 'hi @one alone' }).expect(200)
    expect(moved.body.mentions).toEqual([])
    expect(await stored().findOne({ _id: new Types.ObjectId(message.id) })).not.toHaveProperty('mentions')
  })

  it('with mentions has those', async () => {
    const { owner, other, message } = await aMention('hello @one')
    const text = 'oh, hello @other'
    const { body } = await owner.patch(`/messages/${message.id}`, { text, mentions: [at(text, '@other', other)] }).expect(200)
    expect(body).toMatchObject({ text, version: 2, mentions: [at(text, '@other', other)] })
  })

  it('of mentions alone is one: a version, told to the members', async () => {
    const { owner, one, message } = await aMention('hello @one')
    const stream = await openStream(app, one)
    const { body } = await owner.patch(`/messages/${message.id}`, { text: 'hello @one', mentions: [] }).expect(200)
    expect(body).toMatchObject({ text: 'hello @one', version: 2, mentions: [] })
    await expect.poll(() => dataOf(stream, 'message.updated')).toHaveLength(1)
    expect(dataOf(stream, 'message.updated')[0]).toMatchObject({ message: { version: 2, mentions: [] } })
  })

  it('to the same text and mentions changes nothing', async () => {
    const { owner, message, mentions } = await aMention('hello @one')
    expect((await owner.patch(`/messages/${message.id}`, { text: 'hello @one', mentions }).expect(200)).body).toEqual(message)
  })

  it('is told with the mentions that it left, where a later one is stored before it is told', async () => {
    const { owner, one, other, conversation } = await three()
    const texts = ['@one a', '@other b', 'nobody'] as const
    const people = [one, other]
    const { body } = await owner.send(conversation.id, { text: texts[0], mentions: [{ userId: one.id, offset: 0, length: 4 }] }).expect(201)
    await owner.patch(`/messages/${body.id}`, { text: texts[1], mentions: [{ userId: other.id, offset: 0, length: 6 }] }).expect(200)
    await owner.patch(`/messages/${body.id}`, { text: texts[2] }).expect(200)
    const message = await stored().findOne({ _id: new Types.ObjectId(body.id) })
    if (!message) throw new Error('it was stored')
    const told = await Promise.all((message.outbox ?? []).map(async (entry) => app.context.messageOutbox.tell(message, entry)))
    const frames = told.flat().map(({ frame }) => JSON.parse(/^data: (.*)$/m.exec(frame.toString())?.[1] ?? '{}').message)
    expect(frames.map(({ text }: { text: string }) => text)).toEqual([...texts])
    const mentioned = frames.map(({ mentions }: { mentions: { userId: string }[] }) => mentions.map(({ userId }) => userId))
    expect(mentioned).toEqual([...people.map(({ id }) => [id]), []])
  })

  it('is refused with mentions that are not to be, as a send is', async () => {
    const { owner, message, mentions } = await aMention('hello @one')
    const stranger = await aPerson(app)
    for (const bad of [
      [{ userId: stranger.id, offset: 0, length: 1 }],
      [{ ...mentions[0], length: 50 }],
      [...mentions, ...mentions],
      'x',
    ]) {
      await owner.patch(`/messages/${message.id}`, { text: 'hello @two', mentions: bad }).expect(400)
    }
    expect((await owner.get(`/messages/${message.id}`).expect(200)).body).toEqual(message)
  })
})

describe('a mention is refused', () => {
  const refusedWith = async (mentions: (people: { owner: Person; one: Person }) => unknown, text = 'hello 🎉') => {
    const { owner, one, conversation } = await three()
    const path = `/conversations/${conversation.id}/messages`
    const { body } = await owner.post(path, { clientId: randomUUID(), text, mentions: mentions({ owner, one }) }).expect(400)
    expect(body.code).toBe('validation_failed')
    expect((await owner.get(path).expect(200)).body.items).toEqual([])
    return body.errors
  }

  it.each([
    ['past the end', { offset: 6, length: 3 }],
    ['that begins there', { offset: 8, length: 1 }],
    ['that begins in the middle of a character', { offset: 7, length: 1 }],
    ['that ends in the middle of a character', { offset: 0, length: 7 }],
    ['at the end of all numbers', { offset: Number.MAX_SAFE_INTEGER, length: Number.MAX_SAFE_INTEGER }],
  ])('%s of the text', async (_name, place) => {
    expect(await refusedWith(({ one }) => [{ userId: one.id, ...place }])).toEqual([
      { path: 'body.mentions.0', message: 'not within the text' },
    ])
  })

  it.each([
    ['before the text', { offset: -1, length: 1 }, 'offset'],
    ['of nothing', { offset: 0, length: 0 }, 'length'],
    ['of half a unit', { offset: 0.5, length: 1 }, 'offset'],
    ['of a text for a number', { offset: '0', length: 1 }, 'offset'],
  ])('%s', async (_name, place, field) => {
    expect(await refusedWith(({ one }) => [{ userId: one.id, ...place }])).toEqual([
      expect.objectContaining({ path: `body.mentions.0.${field}` }),
    ])
  })

  it.each([
    ['at the same place', [0, 3], [0, 3]],
    ['that overlaps another', [0, 3], [2, 2]],
    ['within another', [0, 5], [1, 1]],
  ])('%s', async (_name, ...places) => {
    const errors = await refusedWith(({ owner, one }) =>
      places.toReversed().map(([offset, length], n) => ({ userId: n === 0 ? one.id : owner.id, offset, length })),
    )
    expect(errors).toEqual([{ path: 'body.mentions', message: 'two at one place' }])
  })

  it('of who is no member: a stranger, who has left, who is nobody', async () => {
    const { owner, one, other, conversation } = await three()
    await other.post(`/conversations/${conversation.id}/leave`, {}).expect(204)
    for (const userId of [(await aPerson(app)).id, other.id, 'f'.repeat(24)]) {
      const mentions = [one.id, userId].map((id, n) => ({ userId: id, offset: n, length: 1 }))
      const refused = await owner.send(conversation.id, { mentions }).expect(400)
      expect(refused.body.errors).toEqual([{ path: 'body.mentions', message: 'somebody who is no member' }])
    }
  })

  it.each([[{}], ['all'], [7], [null], [[null]], [[{ userId: { $ne: null }, offset: 0, length: 1 }]]])(
    'that is none: %j',
    async (mentions) => {
      const errors: { path: string }[] = await refusedWith(() => mentions)
      expect(errors.every(({ path }) => path.startsWith('body.mentions'))).toBe(true)
      expect(errors.length).toBeGreaterThan(0)
    },
  )

  it('with 50 others, with 4,000, and with 10,000 that say nothing: a short 400; 413 where they are more than a body has', async () => {
    const many = (count: number, userId: string) => upTo(count).map((n) => ({ userId, offset: n - 1, length: 1 }))
    for (const count of [51, 4000]) {
      const errors = await refusedWith(({ one }) => many(count, one.id), 'x'.repeat(8000))
      expect(errors).toEqual([{ path: 'body.mentions', message: 'at most 50' }])
    }
    expect((await refusedWith(() => upTo(10_000).map(() => ({})))).length).toBeLessThanOrEqual(20)
    const { owner, one, conversation } = await three()
    const tooMuch = await owner.send(conversation.id, { mentions: many(10_000, one.id) }).expect(413)
    expect(tooMuch.body.code).toBe('payload_too_large')
  })
})
