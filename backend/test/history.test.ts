import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { afterwards, aNeighbour, aStream as aStreamAt, at } from './support/listening.js'
import { aGroup, aPerson, type Person } from './support/people.js'
import type { SseClient } from './support/sse-client.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

const aStream = (person: Person): Promise<SseClient> => aStreamAt(person, app)
const path = (conversation: { id: string }) => `/conversations/${conversation.id}`
const seqsOf = (body: { items: { seq: number }[] }): number[] => body.items.map(({ seq }) => seq)
const setHistory = (owner: Person, conversation: { id: string }, history: 'all' | 'joined') =>
  owner.patch(path(conversation), { settings: { history } })
const say = async (person: Person, conversation: { id: string }, text: string): Promise<{ id: string; seq: number; createdAt: string }> =>
  (await person.send(conversation.id, { text }).expect(201)).body

interface Told {
  readonly message: { readonly seq: number; readonly text?: string | null }
}

/** A group of history by joining in which five things were said before somebody came, and two after. */
const aNewcomer = async () => {
  const { owner, conversation } = await aGroup(app, 2)
  await setHistory(owner, conversation, 'joined').expect(200)
  const early = [await say(owner, conversation, 'early 1')]
  for (const n of [2, 3, 4, 5]) early.push(await say(owner, conversation, `early ${n}`))
  const newcomer = await aPerson(app, { name: 'Newcomer' })
  await owner.post(`${path(conversation)}/members`, { userIds: [newcomer.id] }).expect(200)
  const { joinedSeq } = (await newcomer.get(path(conversation)).expect(200)).body.my
  const messagesOf = async (person: Person) => (await person.get(`${path(conversation)}/messages`).expect(200)).body
  await expect.poll(async () => seqsOf(await messagesOf(owner))).toHaveLength(6) // with the message that tells of the newcomer
  const late = [await say(owner, conversation, 'late 1'), await say(owner, conversation, 'late 2')]
  return { owner, newcomer, conversation, early, late, joinedSeq }
}

describe('the setting of a group’s history', () => {
  it('is all at first, is changed by who runs the group, and told as a change of the conversation', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    expect(conversation).toMatchObject({ settings: { history: 'all', disappearAfterSeconds: null }, version: 1 })
    const { body } = await setHistory(owner, conversation, 'joined').expect(200)
    expect(body).toMatchObject({ name: 'The hill', settings: { history: 'joined' }, version: 2 })
    expect((await members[1]?.get(path(conversation)).expect(200))?.body.settings.history).toBe('joined')
    expect((await setHistory(owner, conversation, 'joined').expect(200)).body.version).toBe(2)
  })

  it('is not changed by an ordinary member', async () => {
    const { owner, members, conversation } = await aGroup(app, 2)
    const [, member = owner] = members
    await setHistory(member, conversation, 'joined').expect(403)
    expect((await owner.get(path(conversation)).expect(200)).body.settings.history).toBe('all')
  })

  it.each([{ history: 'some' }, { history: null }, { other: 1 }, {}, 'joined', null])('is not %j', async (settings) => {
    const { owner, conversation } = await aGroup(app, 2)
    const { body } = await owner.patch(path(conversation), { settings }).expect(400)
    expect(body.code).toBe('validation_failed')
  })
})

describe('who comes into a group whose history is by joining', () => {
  it('pages through what is said from then on, whichever way they ask', async () => {
    const { newcomer, owner, conversation, joinedSeq } = await aNewcomer()
    expect(joinedSeq).toBe(5)
    for (const query of ['', '?afterSeq=0', '?beforeSeq=100', '?aroundSeq=1', '?aroundSeq=6', '?changedSince=']) {
      const asked = query === '?changedSince=' ? `?changedSince=${(await newcomer.get('/sync').expect(200)).body.cursor}` : query
      const { body } = await newcomer.get(`${path(conversation)}/messages${asked}`).expect(200)
      expect([query, seqsOf(body), body.nextCursor]).toEqual([query, [6, 7, 8], null])
    }
    const before = await newcomer.get(`${path(conversation)}/messages?beforeSeq=6`).expect(200)
    expect(before.body).toEqual({ items: [], nextCursor: null })
    expect(seqsOf((await owner.get(`${path(conversation)}/messages`).expect(200)).body)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('comes to the end of the pages where their history begins', async () => {
    const { newcomer, conversation } = await aNewcomer()
    const newest = await newcomer.get(`${path(conversation)}/messages?limit=2`).expect(200)
    expect(seqsOf(newest.body)).toEqual([7, 8])
    const oldest = await newcomer.get(`${path(conversation)}/messages?limit=2&cursor=${newest.body.nextCursor}`).expect(200)
    expect([seqsOf(oldest.body), oldest.body.nextCursor]).toEqual([[6], null])
  })

  it('finds no older message by its id, to read, edit, delete, report or ask who has read it', async () => {
    const { newcomer, early, late } = await aNewcomer()
    const [{ id } = { id: '' }] = early
    await newcomer.get(`/messages/${id}`).expect(404)
    await newcomer.get(`/messages/${id}/receipts`).expect(404)
    await newcomer.patch(`/messages/${id}`, { text: 'other' }).expect(404)
    await newcomer.delete(`/messages/${id}?scope=all`).expect(404)
    await newcomer.post('/reports', { messageId: id, reason: 'spam' }).expect(404)
    await newcomer.get(`/messages/${late[0]?.id}`).expect(200)
  })

  it('is told that an older message was edited, and not what it says; nor is it replayed to them', async () => {
    const { newcomer, owner, early, late } = await aNewcomer()
    const streams = [await aStream(newcomer), await aStream(owner)]
    for (const message of [early[0], late[0]]) await owner.patch(`/messages/${message?.id}`, { text: 'as edited' }).expect(200)
    const editsOf = async (stream: SseClient) => {
      await stream.waitFor(({ event, data }) => event === 'message.updated' && JSON.stringify(data).includes(late[0]?.id ?? '?'), 30_000)
      return stream.events.filter(({ event }) => event === 'message.updated').map(({ data }) => data)
    }
    const [hers, owners] = await Promise.all(streams.map(editsOf))
    expect(hers?.[0]).toMatchObject({ message: { id: early[0]?.id, seq: 1, version: 2 }, fetch: true })
    expect(JSON.stringify(hers?.[0])).not.toContain('as edited')
    expect(hers?.[1]).toMatchObject({ message: { text: 'as edited' } })
    expect(owners).toEqual(hers) // one frame for all: who may see it fetches it
    expect((await owner.get(`/messages/${early[0]?.id}`).expect(200)).body.text).toBe('as edited')
    await newcomer.get(`/messages/${early[0]?.id}`).expect(404)
  })

  it('is told that an older message was sent, and not what it says, where its worker could not tell it before they came', async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    afterwards(() => proxy.close())
    const cutOff = await aNeighbour(app, { REDIS_URL: through(inject('redisUrl'), proxy) })
    const { owner, conversation } = await aGroup(app, 2)
    await setHistory(owner, conversation, 'joined').expect(200)
    const newcomer = await aPerson(app, { name: 'Newcomer' })
    const streams = [await aStream(newcomer), await aStream(owner)]
    proxy.cut()
    const early = await say(at(cutOff, owner), conversation, 'said before')
    await owner.post(`${path(conversation)}/members`, { userIds: [newcomer.id] }).expect(200)
    await streams[0]?.waitFor(({ event }) => event === 'conversation.created', 30_000)
    await expect.poll(() => Date.now() - Date.parse(early.createdAt)).toBeGreaterThan(2000)
    proxy.restore()
    const late = await say(owner, conversation, 'said after')
    for (const stream of streams) {
      await stream.waitFor(({ event, data }) => event === 'message.created' && JSON.stringify(data).includes(late.id), 60_000)
      const told = stream.events.filter(({ event, data }) => event === 'message.created' && JSON.stringify(data).includes(early.id))
      expect(told.map(({ data }) => data)).toEqual([
        expect.objectContaining({ message: { id: early.id, conversationId: conversation.id, seq: 1, version: 1 }, fetch: true }),
      ])
    }
    expect((await owner.get(`/messages/${early.id}`).expect(200)).body.text).toBe('said before')
    await newcomer.get(`/messages/${early.id}`).expect(404)
  })

  it('has read nothing of what is not there for them: it does not count as unread', async () => {
    const { newcomer, conversation } = await aNewcomer()
    await expect.poll(async () => (await newcomer.get(path(conversation)).expect(200)).body.unreadCount).toBe(3)
  })

  it('sees no more when it becomes all for those who come later, until they come again', async () => {
    const { owner, newcomer, conversation } = await aNewcomer()
    await setHistory(owner, conversation, 'all').expect(200)
    const later = await aPerson(app, { name: 'Later' })
    await owner.post(`${path(conversation)}/members`, { userIds: [later.id] }).expect(200)
    const firstOf = async (person: Person) => seqsOf((await person.get(`${path(conversation)}/messages?afterSeq=0`).expect(200)).body)[0]
    expect([await firstOf(newcomer), await firstOf(later)]).toEqual([6, 1])
    await newcomer.post(`${path(conversation)}/leave`, {}).expect(204)
    await owner.post(`${path(conversation)}/members`, { userIds: [newcomer.id] }).expect(200)
    expect(await firstOf(newcomer)).toBe(1)
  })
})

it('who was in a group before its history was by joining still sees all', async () => {
  const { owner, members, conversation } = await aGroup(app, 2)
  await say(owner, conversation, 'before')
  await setHistory(owner, conversation, 'joined').expect(200)
  const { body } = await (members[1] ?? owner).get(`${path(conversation)}/messages`).expect(200)
  expect(seqsOf(body)).toEqual([1])
})

it('who comes while others talk is told all that is said after they came, and nothing from before', async () => {
  const { owner, members, conversation } = await aGroup(app, 3)
  await setHistory(owner, conversation, 'joined').expect(200)
  const newcomers = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const person = await aPerson(app)
      return { person, stream: await aStream(person) }
    }),
  )
  const over = new AbortController()
  const talk = async (person: Person) => {
    for (let n = 0; !over.signal.aborted; n++) await say(person, conversation, `said ${n}`)
  }
  const talks = [...members, ...members].map(talk)
  for (const { person } of newcomers) await owner.post(`${path(conversation)}/members`, { userIds: [person.id] }).expect(200)
  over.abort()
  await Promise.all(talks)
  const last = await say(owner, conversation, 'the last')
  for (const { person, stream } of newcomers) {
    const { joinedSeq } = (await person.get(path(conversation)).expect(200)).body.my
    const told = () => stream.events.flatMap(({ event, data }) => (event === 'message.created' ? [(data as Told).message] : []))
    await expect.poll(() => told().some(({ seq }) => seq === last.seq), { timeout: 30_000 }).toBe(true)
    const withText = told().filter(({ text }) => text !== undefined)
    expect(withText.map(({ seq }) => seq)).toEqual(Array.from({ length: last.seq - joinedSeq }, (_, at) => joinedSeq + 1 + at))
  }
})
