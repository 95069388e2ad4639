import { Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeSince } from '../src/http/since.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { Synced } from './support/synced.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const day = 86_400_000
const momentReuseMs = 1000
let app: TestApp
beforeAll(async () => {
  app = await startTestApp({}, { sync: { overlapMs: 0, clockMarginMs: 0 }, forgetAfterMs: 0 })
})
afterAll(() => app.close())

/** By the database's clock, in milliseconds. */
const momentOf = (cursor: string): number => {
  const [, moment] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [string, number]
  return moment
}

/** Until nothing waits to be told, all that waits counts as changed. */
const settled = () =>
  expect
    .poll(() => {
      const left = ['messages', 'conversations', 'receipts'].map((name) =>
        app.context.mongo.connection.collection(name).countDocuments({ outbox: { $exists: true } }),
      )
      return Promise.all(left)
    })
    .toEqual([0, 0, 0])

/** Somebody in several conversations who has synced, with nothing left to be told. */
const someoneSynced = async () => {
  const { owner, members, conversation } = await aGroup(app, 4)
  const others = await Promise.all([aGroup(app, 2, owner), aGroup(app, 2, owner)])
  const synced = new Synced(owner)
  await owner.send(conversation.id, { text: 'first' }).expect(201)
  await settled()
  await synced.sync()
  await expect.poll(async () => (await synced.sync()).listed).toEqual([])
  return { owner, members, id: conversation.id, synced, others: others.map((other) => other.conversation.id) }
}

describe('GET /sync', () => {
  it('lists all of one’s conversations, once each, where nothing is given', async () => {
    const { id, synced, others, owner } = await someoneSynced()
    const again = new Synced(owner)
    const { listed, full, removed } = await again.sync()
    expect([listed.toSorted(), full, removed]).toEqual([[id, ...others].toSorted(), true, []])
    expect(again.textsOf(id)).toEqual(['first'])
    expect([...synced.conversations.keys()].toSorted()).toEqual(listed.toSorted())
  })

  it('lists nothing where nothing has changed', async () => {
    const { synced } = await someoneSynced()
    expect(await synced.sync()).toEqual({ listed: [], removed: [], full: false })
  })

  const changes: [string, (situation: { owner: Person; other: Person; third: Person; id: string }) => PromiseLike<unknown>][] = [
    ['a message', ({ other, id }) => other.send(id, { text: 'second' }).expect(201)],
    ['a rename', ({ owner, id }) => owner.patch(`/conversations/${id}`, { name: 'Another hill' }).expect(200)],
    [
      'a newcomer',
      async ({ owner, id }) => {
        const newcomer = await aPerson(app)
        await owner.post(`/conversations/${id}/members`, { userIds: [newcomer.id] }).expect(200)
      },
    ],
    ['somebody who left', ({ other, id }) => other.post(`/conversations/${id}/leave`, {}).expect(204)],
    ['another role', ({ owner, other, id }) => owner.patch(`/conversations/${id}/members/${other.id}`, { role: 'admin' }).expect(200)],
    ['a receipt', ({ other, id }) => other.post(`/conversations/${id}/receipts`, { readSeq: 1 }).expect(204)],
  ]
  it.each(changes)('lists a conversation, and no other, because of %s', async (_what, change) => {
    const { owner, members, id, synced } = await someoneSynced()
    const [, other, third] = members
    if (!other || !third) throw new Error('a group of four')
    await change({ owner, other, third, id })
    await expect.poll(async () => (await synced.sync()).listed).toEqual([id])
  })

  it('leads to messages that were edited and deleted', async () => {
    const { owner, id, synced } = await someoneSynced()
    const { body: kept } = await owner.send(id, { text: 'kept' }).expect(201)
    const { body: gone } = await owner.send(id, { text: 'gone' }).expect(201)
    await settled()
    await synced.sync()
    await owner.patch(`/messages/${kept.id}`, { text: 'edited' }).expect(200)
    await owner.delete(`/messages/${gone.id}?scope=all`).expect(200)
    await expect
      .poll(async () => {
        await synced.sync()
        return synced.textsOf(id)
      })
      .toEqual(['first', 'edited', null])
  })

  it('tells what one is not in any more: sent away, left or deleted; not what one came back to', async () => {
    const { owner, members } = await aGroup(app, 3)
    const [, bob] = members
    if (!bob) throw new Error('a group of three')
    const groups = await Promise.all(
      Array.from({ length: 4 }, () => owner.post('/conversations', { type: 'group', name: 'g', memberIds: [bob.id] })),
    )
    const [sentAway = '', left = '', deleted = '', back = ''] = groups.map(({ body }) => String(body.id))
    const synced = new Synced(bob)
    await settled()
    await synced.sync()
    await owner.delete(`/conversations/${sentAway}/members/${bob.id}`).expect(204)
    await bob.post(`/conversations/${left}/leave`, {}).expect(204)
    await owner.delete(`/conversations/${deleted}`).expect(204)
    await owner.delete(`/conversations/${back}/members/${bob.id}`).expect(204)
    await owner.post(`/conversations/${back}/members`, { userIds: [bob.id] }).expect(200)
    const { removed, listed } = await synced.sync()
    expect(new Set(removed)).toEqual(new Set([sentAway, left, deleted]))
    expect(listed).toContain(back)
    expect(listed).not.toContain(sentAway)
  })

  it('lists all where one has left more than one answer tells', async () => {
    const { owner, members, conversation } = await aGroup(app, 3)
    const [, bob] = members
    if (!bob) throw new Error('a group of three')
    const { body: left } = await owner.post('/conversations', { type: 'group', name: 'left', memberIds: [bob.id] }).expect(201)
    const synced = new Synced(bob)
    await settled()
    await synced.sync()
    await owner.delete(`/conversations/${left.id}/members/${bob.id}`).expect(204)
    await settled()
    const conversations = app.context.mongo.connection.collection('conversations')
    const { _id, ...asLeft } = (await conversations.findOne({ _id: new Types.ObjectId(String(left.id)) })) ?? {}
    await conversations.insertMany(Array.from({ length: 999 }, () => ({ ...asLeft })))
    await owner.delete(`/conversations/${conversation.id}/members/${bob.id}`).expect(204)
    const { full, removed } = await synced.sync()
    expect([full, removed, [...synced.conversations.keys()]]).toEqual([true, [], []])
  })

  it('misses nothing of what changes while its pages are read', async () => {
    const { owner, synced } = await someoneSynced()
    const groups = await Promise.all(Array.from({ length: 6 }, () => aGroup(app, 2, owner)))
    const ids = groups.map(({ conversation }) => conversation.id)
    const talking = new AbortController()
    const talk = (async () => {
      for (let n = 0; !talking.signal.aborted && n < 2000; n++) await owner.send(ids[n % ids.length] ?? '', { text: `${n}` }).expect(201)
    })()
    try {
      for (let n = 0; n < 3; n++) await synced.sync()
    } finally {
      talking.abort()
    }
    await talk
    await settled()
    await synced.sync()
    for (const id of ids) {
      const { body } = await owner.get(`/conversations/${id}/messages?limit=100`).expect(200)
      expect(synced.textsOf(id)).toEqual(body.items.map(({ text }: { text: string }) => text))
      expect(synced.conversations.get(id)?.lastSeq).toBe(body.items.length)
    }
  })

  it('lists all where what is given is so old that it is not known who left', async () => {
    const { id, others, owner } = await someoneSynced()
    const { body } = await owner.get(`/sync?since=${encodeSince(new Date(Date.now() - 40 * day))}`).expect(200)
    expect([body.full, body.items.map((each: { id: string }) => each.id).toSorted()]).toEqual([true, [id, ...others].toSorted()])
  })

  it('shows nobody the conversations of others', async () => {
    await someoneSynced()
    const stranger = new Synced(await aPerson(app))
    expect(await stranger.sync()).toEqual({ listed: [], removed: [], full: true })
  })

  it.each([
    'since=x',
    'since=',
    'cursor=x',
    'limit=0',
    `cursor=${encodeSince(new Date())}`,
    `since=${encodeSince(new Date())}&cursor=x`,
    'also=x',
  ])('refuses ?%s', async (query) => {
    const { ann } = await aDirectConversation(app)
    await ann.get(`/sync?${query}`).expect(400, /validation_failed/)
  })

  it('waits for a worker that stands still between a change and what follows from it', async () => {
    const { owner, id, synced } = await someoneSynced()
    const { connection } = app.context.mongo
    const { body: message } = await owner.send(id, { text: 'before' }).expect(201)
    await settled()
    await expect.poll(async () => (await synced.sync()).listed).toEqual([])
    // Of an edit only the message is written yet; its worker lives, and says no more.
    const worker = `stopped ${id}`
    const leases = connection.collection<{ _id: string; holder: string; expiresAt: Date }>('leases')
    await leases.insertOne({ _id: `worker:${worker}`, holder: worker, expiresAt: new Date(Date.now() + day) })
    await connection.collection('messages').updateOne(
      { _id: new Types.ObjectId(String(message.id)) },
      {
        $set: { text: 'after', editedAt: new Date() },
        $inc: { version: 1 },
        $currentDate: { changedAt: true },
        $push: { outbox: { eventId: `of ${id}`, worker, at: new Date(), type: 'message.updated', data: { version: '2' } } } as object,
      },
    )
    const changedAt = Date.now()
    while (Date.now() < changedAt + 2 * momentReuseMs) {
      await synced.sync()
      expect(momentOf(synced.cursor ?? '')).toBeLessThanOrEqual(changedAt)
    }
    expect(synced.textsOf(id)).toEqual(['first', 'before'])
    await leases.updateOne({ _id: `worker:${worker}` }, { $set: { expiresAt: new Date(0) } })
    await expect
      .poll(
        async () => {
          await synced.sync()
          return synced.textsOf(id)
        },
        { timeout: 30_000 },
      )
      .toEqual(['first', 'after'])
  })
})
