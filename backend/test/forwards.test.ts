import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStream } from './support/message-stream.js'
import { aDirectConversation, aGroup, aPerson } from './support/people.js'
import { dataOf } from './support/streams.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

/** Bob's message to Ann, and Ann's conversation with Carol. */
const somethingToForward = async () => {
  const { ann, bob, conversation } = await aDirectConversation(app)
  const { body: original } = await bob.send(conversation.id, { text: 'the hill is ours' }).expect(201)
  const carol = await aPerson(app, { name: 'Carol' })
  const { body: elsewhere } = await ann.post('/conversations', { type: 'direct', userId: carol.id }).expect(201)
  return { ann, bob, carol, conversation, elsewhere, original }
}

describe('a forwarded message', () => {
  it('says the same, by whom and when it was written, and not where', async () => {
    const { ann, bob, carol, elsewhere, original } = await somethingToForward()
    const stream = await openStream(app, carol)
    const { body } = await ann.send(elsewhere.id, { forwardOf: original.id }).expect(201)
    expect(body).toMatchObject({ text: 'the hill is ours', senderId: ann.id, version: 1, replyTo: null, mentions: [] })
    expect(body.forwardOf).toEqual({ senderId: bob.id, createdAt: original.createdAt })
    expect((await carol.get(`/messages/${body.id}`).expect(200)).body).toEqual(body)
    await expect.poll(() => dataOf(stream, 'message.created')).toHaveLength(1)
    const { reactions: _, reactionsVersion: __, ...told } = body
    expect(dataOf(stream, 'message.created')[0]).toMatchObject({ message: told })
    const shown = JSON.stringify(dataOf(stream, 'message.created'))
    for (const id of [original.id, original.conversationId]) expect(shown).not.toContain(id)
  })

  it('may come with the text that the client shows already, and with no other', async () => {
    const { ann, elsewhere, original } = await somethingToForward()
    await ann.send(elsewhere.id, { forwardOf: original.id, text: 'the hill is ours' }).expect(201)
    const refused = await ann.send(elsewhere.id, { forwardOf: original.id, text: 'the hill is theirs' }).expect(400)
    expect(refused.body.errors).toEqual([{ path: 'body.text', message: 'what is forwarded says what it said' }])
  })

  it('names who wrote it first, however often it is passed on', async () => {
    const { ann, bob, carol, elsewhere, original } = await somethingToForward()
    const { body: once } = await ann.send(elsewhere.id, { forwardOf: original.id }).expect(201)
    const { conversation: further } = await aGroup(app, 2, carol)
    const { body: twice } = await carol.send(further.id, { forwardOf: once.id }).expect(201)
    expect(twice.forwardOf).toEqual({ senderId: bob.id, createdAt: original.createdAt })
  })

  it('is a message of its own: it stays as it was when the first is edited or deleted', async () => {
    const { ann, bob, elsewhere, original } = await somethingToForward()
    const { body } = await ann.send(elsewhere.id, { forwardOf: original.id }).expect(201)
    await bob.patch(`/messages/${original.id}`, { text: 'the hill is lost' }).expect(200)
    await bob.delete(`/messages/${original.id}?scope=all`).expect(200)
    expect((await ann.get(`/messages/${body.id}`).expect(200)).body).toEqual(body)
  })

  it('is not edited, so that nobody is made to say what they did not: 403', async () => {
    const { ann, elsewhere, original } = await somethingToForward()
    const { body } = await ann.send(elsewhere.id, { forwardOf: original.id }).expect(201)
    const refused = await ann.patch(`/messages/${body.id}`, { text: 'the hill is theirs' }).expect(403)
    expect(refused.body).toMatchObject({ code: 'forbidden', detail: 'A forwarded message says what it said' })
  })

  it('that is deleted says nothing of whom it was by', async () => {
    const { ann, elsewhere, original } = await somethingToForward()
    const { body } = await ann.send(elsewhere.id, { forwardOf: original.id }).expect(201)
    expect((await ann.delete(`/messages/${body.id}?scope=all`).expect(200)).body).toMatchObject({ text: null, forwardOf: null })
  })

  it('sent again is the same message, though the first is deleted by then; with other content it is 409', async () => {
    const { ann, bob, elsewhere, original } = await somethingToForward()
    const clientId = randomUUID()
    const { body } = await ann.send(elsewhere.id, { clientId, forwardOf: original.id }).expect(201)
    await bob.delete(`/messages/${original.id}?scope=all`).expect(200)
    expect((await ann.send(elsewhere.id, { clientId, forwardOf: original.id }).expect(200)).body).toEqual(body)
    await ann.send(elsewhere.id, { clientId, text: 'the hill is ours' }).expect(409)
    await ann.send(elsewhere.id, { clientId: randomUUID(), forwardOf: original.id }).expect(409)
  })
})

describe('what is not forwarded', () => {
  it('is a message of a conversation that one is not in, or is not in any more: 404, as one that is not there', async () => {
    const { carol, elsewhere, original } = await somethingToForward()
    const foreign = await carol.send(elsewhere.id, { forwardOf: original.id }).expect(404)
    const missing = await carol.send(elsewhere.id, { forwardOf: new Types.ObjectId().toHexString() }).expect(404)
    const { requestId: _, ...rest } = foreign.body
    expect(missing.body).toMatchObject(rest)
    const { owner, members, conversation } = await aGroup(app, 2)
    const { body: said } = await owner.send(conversation.id, { text: 'ours' }).expect(201)
    const gone = members[1]
    if (!gone) throw new Error('a group of two')
    const { body: own } = await gone.post('/conversations', { type: 'group', name: 'Own', memberIds: [owner.id] }).expect(201)
    await gone.send(own.id, { forwardOf: said.id }).expect(201)
    await gone.post(`/conversations/${conversation.id}/leave`, {}).expect(204)
    await gone.send(own.id, { forwardOf: said.id }).expect(404)
  })

  it('is what was said before one came, where history is by joining: 404', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    await owner.patch(`/conversations/${conversation.id}`, { settings: { history: 'joined' } }).expect(200)
    const { body: before } = await owner.send(conversation.id, { text: 'before' }).expect(201)
    const late = await aPerson(app, { name: 'Late' })
    await owner.post(`/conversations/${conversation.id}/members`, { userIds: [late.id] }).expect(200)
    await late.send(conversation.id, { forwardOf: before.id }).expect(404)
  })

  it('is what one has deleted for oneself: 409; others forward it', async () => {
    const { ann, bob, elsewhere, conversation, original } = await somethingToForward()
    await ann.delete(`/messages/${original.id}?scope=me`).expect(200)
    await ann.send(elsewhere.id, { forwardOf: original.id }).expect(409)
    await bob.send(conversation.id, { forwardOf: original.id }).expect(201)
  })

  it('is a system message: 400', async () => {
    const { owner, conversation } = await aGroup(app, 2)
    const newcomer = await aPerson(app)
    await owner.post(`/conversations/${conversation.id}/members`, { userIds: [newcomer.id] }).expect(200)
    const system = async () => (await owner.get(`/conversations/${conversation.id}/messages`).expect(200)).body.items[0]
    await expect.poll(system).toMatchObject({ type: 'system' })
    const refused = await owner.send(conversation.id, { forwardOf: (await system()).id }).expect(400)
    expect(refused.body.errors).toEqual([{ path: 'body.forwardOf', message: 'has no text' }])
  })

  it.each([['abc'], [7], [null], [{ $gt: '' }]])('is %j: 400', async (forwardOf) => {
    const { ann, conversation } = await aDirectConversation(app)
    const refused = await ann.post(`/conversations/${conversation.id}/messages`, { clientId: randomUUID(), forwardOf }).expect(400)
    expect(refused.body.errors.map(({ path }: { path: string }) => path)).toContain('body.forwardOf')
  })

  it('is nothing at all: a message needs a text', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    const refused = await ann.post(`/conversations/${conversation.id}/messages`, { clientId: randomUUID() }).expect(400)
    expect(refused.body.errors).toEqual([{ path: 'body.text', message: 'needs a text, or attachments' }])
  })
})
