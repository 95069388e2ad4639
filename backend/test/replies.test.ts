import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MessageDocument } from '../src/features/messages/index.js'
import { logOf, openStream, settled } from './support/message-stream.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { plansOf } from './support/plans.js'
import { countCommands, dataOf } from './support/streams.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1)
const messagesOf = (id: string) => `/conversations/${id}/messages`

/** Ann's message and Bob's reply to it. */
const aReply = async (text = 'the beacon is lit') => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  const { body: quoted } = await ann.send(conversation.id, { text }).expect(201)
  const clientId = randomUUID()
  const { body: reply } = await bob.send(conversation.id, { clientId, text: 'seen', replyTo: quoted.id }).expect(201)
  return { ann, bob, conversation, quoted, reply, clientId }
}

/** A group of history by joining: Ann wrote before Late came, and replies to it afterwards. */
const aReplyToWhatWasBefore = async () => {
  const { owner, conversation } = await aGroup(app, 2)
  await owner.patch(`/conversations/${conversation.id}`, { settings: { history: 'joined' } }).expect(200)
  const { body: quoted } = await owner.send(conversation.id, { text: 'before anybody came' }).expect(201)
  const late = await aPerson(app, { name: 'Late' })
  await owner.post(`/conversations/${conversation.id}/members`, { userIds: [late.id] }).expect(200)
  const { body: reply } = await owner.send(conversation.id, { text: 'as I said', replyTo: quoted.id }).expect(201)
  return { owner, late, conversation, quoted, reply }
}

const shownTo = async (person: Person, conversationId: string, id: string) => {
  const one = await person.get(`/messages/${id}`).expect(200)
  const page = await person.get(messagesOf(conversationId)).expect(200)
  expect(page.body.items.find((message: { id: string }) => message.id === id)).toEqual(one.body)
  return one.body.replyTo
}

describe('a reply', () => {
  it('shows what it is a reply to, to who sends it and to everyone who reads it', async () => {
    const { ann, bob, conversation, quoted, reply } = await aReply()
    expect(quoted.replyTo).toBeNull()
    expect(reply.replyTo).toEqual({ id: quoted.id, seq: 1, senderId: ann.id, text: 'the beacon is lit', deleted: false })
    for (const person of [ann, bob]) expect(await shownTo(person, conversation.id, reply.id)).toEqual(reply.replyTo)
    const since = await ann.get(`${messagesOf(conversation.id)}?afterSeq=1`).expect(200)
    expect(since.body.items).toEqual([reply])
  })

  it('shows what that says now, where it was edited since', async () => {
    const { ann, bob, conversation, quoted, reply } = await aReply()
    await ann.patch(`/messages/${quoted.id}`, { text: 'both beacons are lit' }).expect(200)
    expect(await shownTo(bob, conversation.id, reply.id)).toMatchObject({ text: 'both beacons are lit' })
  })

  it.each([
    ['letters', 'x'.repeat(250), 'x'.repeat(200)],
    ['exactly 200 of them', 'x'.repeat(200), 'x'.repeat(200)],
    ['families, none torn apart', '👩‍👩‍👧‍👦'.repeat(250), '👩‍👩‍👧‍👦'.repeat(200)],
    ['letters before an accent of its own', `${'x'.repeat(200)}\u0320${'y'.repeat(50)}`, `${'x'.repeat(199)}x\u0320`],
    ['a flag at the end', `${'x'.repeat(199)}🏴󠁧󠁢󠁥󠁮󠁧󠁿${'y'.repeat(50)}`, `${'x'.repeat(199)}🏴󠁧󠁢󠁥󠁮󠁧󠁿`],
    ['no more than fits of what is very long', `${'a\u0320'.repeat(10)}b${'\u0320'.repeat(9000)}`, 'a\u0320'.repeat(10)],
  ])('shows the first 200 characters: %s', async (_name, text, shown) => {
    const { reply } = await aReply(text)
    expect(reply.replyTo.text).toBe(shown)
  })

  it('of what is a reply itself shows that one alone', async () => {
    const { ann, conversation, reply } = await aReply()
    const { body } = await ann.send(conversation.id, { text: 'and I', replyTo: reply.id }).expect(201)
    expect(body.replyTo).toEqual({ id: reply.id, seq: 2, senderId: reply.senderId, text: 'seen', deleted: false })
  })

  it('asks the database once for what a page of replies is to, by its ids', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const quoted: { id: string }[] = []
    for (const n of upTo(12)) quoted.push((await ann.send(conversation.id, { text: `said ${n}` }).expect(201)).body)
    for (const { id } of quoted) await ann.send(conversation.id, { replyTo: id }).expect(201)
    const page = async () => ann.get(`${messagesOf(conversation.id)}?afterSeq=12`).expect(200)
    expect((await page()).body.items.map(({ replyTo }: { replyTo: { text: string } }) => replyTo.text)).toEqual(
      upTo(12).map((n) => `said ${n}`),
    )
    expect(await countCommands(app, 'find', 'messages', page)).toBe(2)
    const plans = await plansOf(app, 'messages', page)
    expect(plans.map(({ sortsOrScans }) => sortsOrScans)).toEqual([false, false])
    const all = async () => ann.get(messagesOf(conversation.id)).expect(200)
    expect(await countCommands(app, 'find', 'messages', all)).toBe(1) // they are on the page themselves
  })
})

describe('of a message that is deleted for everyone', () => {
  it('no reply shows anything, on any page, nor to who retries it', async () => {
    const { ann, bob, conversation, quoted, reply, clientId } = await aReply('secret')
    await ann.delete(`/messages/${quoted.id}?scope=all`).expect(200)
    const left = { id: quoted.id, seq: 1, senderId: ann.id, text: null, deleted: true }
    for (const person of [ann, bob]) expect(await shownTo(person, conversation.id, reply.id)).toEqual(left)
    const pages = ['', '?afterSeq=1', '?aroundSeq=2', '?beforeSeq=3']
    for (const query of pages) expect((await bob.get(messagesOf(conversation.id) + query).expect(200)).text).not.toContain('secret')
    const again = await bob.send(conversation.id, { clientId, text: 'seen', replyTo: quoted.id }).expect(200)
    expect(again.body).toEqual({ ...reply, replyTo: left })
  })

  it('nothing is in the event log or in the database, whatever quoted it', async () => {
    const { ann, bob, conversation } = await aDirectConversation(app)
    await settled(app, conversation.id)
    const stream = await openStream(app, bob)
    const { body: quoted } = await ann.send(conversation.id, { text: 'secret' }).expect(201)
    const { body: reply } = await bob.send(conversation.id, { text: 'seen', replyTo: quoted.id }).expect(201)
    await bob.patch(`/messages/${reply.id}`, { text: 'well seen' }).expect(200)
    await expect.poll(() => dataOf(stream, 'message.updated')).toHaveLength(1)
    const told = { id: quoted.id, seq: 1, senderId: ann.id, text: null, deleted: false }
    const ofReply = expect.objectContaining({ id: reply.id, replyTo: told })
    expect(dataOf(stream, 'message.created')[1]).toMatchObject({ message: ofReply })
    expect(dataOf(stream, 'message.updated')[0]).toMatchObject({ message: ofReply })
    expect(await logOf(app, conversation.id)).toContain('secret') // of the message itself, so far
    await ann.delete(`/messages/${quoted.id}?scope=all`).expect(200)
    expect(await logOf(app, conversation.id)).not.toContain('secret')
    const stored = app.context.mongo.connection.collection<MessageDocument>('messages')
    const all = await stored.find({ conversationId: new Types.ObjectId(conversation.id) }).toArray()
    expect(JSON.stringify(all)).not.toContain('secret')
  })

  it('a reply that is deleted shows nothing of what it was to', async () => {
    const { bob, reply } = await aReply()
    const { body } = await bob.delete(`/messages/${reply.id}?scope=all`).expect(200)
    expect(body.replyTo).toBeNull()
  })

  it('no reply can be made any more: 409, and nothing is stored', async () => {
    const { ann, bob, conversation, quoted } = await aReply()
    await ann.delete(`/messages/${quoted.id}?scope=all`).expect(200)
    const refused = await bob.send(conversation.id, { replyTo: quoted.id }).expect(409)
    expect(refused.body.code).toBe('conflict')
    expect((await bob.get(messagesOf(conversation.id)).expect(200)).body.items).toHaveLength(2)
  })

  it('replies that are made while it is deleted show nothing once it is', async () => {
    for (const round of upTo(5)) {
      const { ann, bob, conversation, quoted } = await aReply(`secret ${round}`)
      const replying = upTo(8).map((n) => bob.send(conversation.id, { text: `${n}`, replyTo: quoted.id }))
      const [, ...answers] = await Promise.all([ann.delete(`/messages/${quoted.id}?scope=all`).expect(200), ...replying])
      for (const { status } of answers) expect([201, 409]).toContain(status)
      const { body, text } = await bob.get(messagesOf(conversation.id)).expect(200)
      expect(text).not.toContain('secret')
      expect(body.items).toHaveLength(2 + answers.filter(({ status }) => status === 201).length)
      expect(await logOf(app, conversation.id)).not.toContain('secret')
    }
  })
})

describe('of a message that somebody deleted for themselves', () => {
  it('a reply shows nothing to them, and all of it to others', async () => {
    const { ann, bob, conversation, quoted, reply } = await aReply()
    await bob.delete(`/messages/${quoted.id}?scope=me`).expect(200)
    expect(await shownTo(bob, conversation.id, reply.id)).toMatchObject({ id: quoted.id, text: null, deleted: true })
    const reacted = await bob.put(`/messages/${reply.id}/reactions/${encodeURIComponent('👍')}`).expect(200)
    expect(reacted.body.replyTo).toMatchObject({ id: quoted.id, text: null, deleted: true })
    expect(await shownTo(ann, conversation.id, reply.id)).toEqual(reply.replyTo)
  })

  it('they make no reply: 409; others do', async () => {
    const { ann, bob, conversation, quoted } = await aReply()
    await bob.delete(`/messages/${quoted.id}?scope=me`).expect(200)
    await bob.send(conversation.id, { replyTo: quoted.id }).expect(409)
    await ann.send(conversation.id, { replyTo: quoted.id }).expect(201)
  })
})

describe('of a message from before somebody came, where history is by joining,', () => {
  it('a reply shows nothing to them, on their stream neither, and all of it to others', async () => {
    const { owner, late, conversation, quoted, reply } = await aReplyToWhatWasBefore()
    expect(await shownTo(late, conversation.id, reply.id)).toEqual({
      id: quoted.id,
      seq: quoted.seq,
      senderId: owner.id,
      text: null,
      deleted: true,
    })
    expect(await shownTo(owner, conversation.id, reply.id)).toEqual(reply.replyTo)
    const stream = await openStream(app, late)
    await owner.send(conversation.id, { text: 'again', replyTo: quoted.id }).expect(201)
    await expect.poll(() => dataOf(stream, 'message.created')).toHaveLength(1)
    expect(JSON.stringify(dataOf(stream, 'message.created'))).not.toContain('before anybody came')
  })

  it('a search over several conversations shows nothing of it either, and shows what they may see', async () => {
    const { owner, late, reply } = await aReplyToWhatWasBefore()
    const { body: direct } = await late.post('/conversations', { type: 'direct', userId: owner.id }).expect(201)
    const { body: seen } = await owner.send(direct.id, { text: 'here you were' }).expect(201)
    const { body: answer } = await late.send(direct.id, { text: 'as you said', replyTo: seen.id }).expect(201)
    const found = async () => (await late.get('/messages/search?q=said').expect(200)).body.items
    await expect.poll(async () => (await found()).map(({ id }: { id: string }) => id)).toEqual([answer.id, reply.id])
    expect((await found()).map(({ replyTo }: { replyTo: object }) => replyTo)).toEqual([
      { id: seen.id, seq: 1, senderId: owner.id, text: 'here you were', deleted: false },
      { ...reply.replyTo, text: null, deleted: true },
    ])
  })

  it('they make no reply: 404, as for one that is not there', async () => {
    const { late, conversation, quoted } = await aReplyToWhatWasBefore()
    const unseen = await late.send(conversation.id, { replyTo: quoted.id }).expect(404)
    const missing = await late.send(conversation.id, { replyTo: new Types.ObjectId().toHexString() }).expect(404)
    const { requestId: _, ...rest } = unseen.body
    expect(missing.body).toMatchObject(rest)
  })
})

describe('a reply is refused', () => {
  it('to a message of another conversation, whether one is in it or not: 404', async () => {
    const { ann, bob, conversation } = await aReply()
    const { owner: carol, conversation: another } = await aGroup(app, 2)
    const { body: foreign } = await carol.send(another.id, { text: 'elsewhere' }).expect(201)
    await ann.send(conversation.id, { replyTo: foreign.id }).expect(404)
    const { body: shared } = await ann.post('/conversations', { type: 'group', name: 'Two', memberIds: [bob.id] }).expect(201)
    const { body: said } = await bob.send(shared.id, { text: 'in the group' }).expect(201)
    const refused = await ann.send(conversation.id, { replyTo: said.id }).expect(404)
    expect(refused.body.code).toBe('not_found')
  })

  it('with another clientId’s content: 409 for the same text as a reply to something else, or to nothing', async () => {
    const { bob, conversation, quoted, reply, clientId } = await aReply()
    expect((await bob.send(conversation.id, { clientId, text: 'seen', replyTo: quoted.id }).expect(200)).body).toEqual(reply)
    await bob.send(conversation.id, { clientId, text: 'seen' }).expect(409)
    await bob.send(conversation.id, { clientId, text: 'seen', replyTo: reply.id }).expect(409)
  })

  it.each([['abc'], [7], [null], [{ $ne: null }], [['0'.repeat(24)]]])('to %j: 400', async (replyTo) => {
    const { ann, conversation } = await aDirectConversation(app)
    const refused = await ann.post(messagesOf(conversation.id), { clientId: randomUUID(), text: 'hello', replyTo }).expect(400)
    expect(refused.body.errors).toEqual([expect.objectContaining({ path: 'body.replyTo' })])
  })
})

it('the hash of a text alone is what it was before a message could say more', async () => {
  const { ann, conversation } = await aDirectConversation(app)
  const { body } = await ann.send(conversation.id, { text: 'hello', mentions: [] }).expect(201)
  const stored = await app.context.mongo.connection.collection<MessageDocument>('messages').findOne({ _id: new Types.ObjectId(body.id) })
  expect(stored?.contentHash).toBe('x6D3FU5kzZbGF_JR3BLEOWtyNMKFbM9IYKt69Tffzdk')
})
