import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { type ConversationDocument, conversationSource } from '../src/features/conversations/index.js'
import { encodeFrame } from '../src/realtime/catalogue.js'
import { outboxEntry } from '../src/realtime/outbox-entry.js'
import { hasDied } from './support/dead-worker.js'
import { logOf } from './support/message-stream.js'
import { aGroup, aPerson, type Person, peopleInNumbers } from './support/people.js'
import { SseClient, type SseEvent } from './support/sse-client.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const deadlineMs = 30_000
let app: TestApp
let neighbour: TestApp // another worker: same database, same Redis
let owner: Person
let ann: Person
let bob: Person
let carol: Person
const open = new Set<SseClient>()

beforeAll(async () => {
  app = await startTestApp()
  neighbour = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
  const names = ['Owner', 'Ann', 'Bob', 'Carol']
  const [first, second, third, fourth] = await Promise.all(names.map((name) => aPerson(app, { name })))
  if (!first || !second || !third || !fourth) throw new Error('four were made')
  owner = first
  ann = second
  bob = third
  carol = fourth
})
afterEach(async () => {
  await Promise.all([...open].map((stream) => stream.close()))
  open.clear()
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

interface Told {
  readonly type: string
  readonly conversationId?: string
  readonly at: string
  readonly fetch?: boolean
  readonly member?: { readonly userId: string; readonly role: string }
  readonly conversation?: { readonly name: string; readonly createdAt: string; readonly my: { readonly role: string } }
  readonly message?: { readonly text: string | null; readonly system: { readonly event: string; readonly userIds: string[] } | null }
}
const dataOf = ({ data }: SseEvent): Told => data as Told

const aStream = async (person: Person, { at = app, lastEventId }: { at?: TestApp; lastEventId?: string } = {}): Promise<SseClient> => {
  const headers = { authorization: `Bearer ${person.accessToken}`, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) }
  const stream = await SseClient.open(`${at.url}/sse`, { headers })
  open.add(stream)
  await stream.waitFor(({ event }) => event === 'resume', deadlineMs)
  return stream
}
const positionOf = (stream: SseClient): string => stream.events.at(-1)?.id ?? ''

const aGroupOf = async (...members: Person[]): Promise<string> => {
  const memberIds = members.map(({ id }) => id)
  const { body } = await owner.post('/conversations', { type: 'group', name: 'The hill', memberIds }).expect(201)
  return body.id
}

const stored = () => {
  const { connection } = app.context.mongo
  return connection.getClient().db(connection.name).collection<ConversationDocument>('conversations')
}

/** What a stream was told of one conversation since it began, in short: the event and whom it is about. */
const toldOf = (stream: SseClient, conversationId: string): string[] =>
  stream.events
    .map(dataOf)
    .filter(({ conversationId: of, at, conversation }) => of === conversationId && at !== conversation?.createdAt)
    .map(({ type, member, message, conversation, fetch }) => {
      if (message)
        return `${type} ${message.system ? `${message.system.event} ${message.system.userIds.map(nameOf).join()}`.trim() : message.text}`
      if (member) return `${type} ${nameOf(member.userId)} ${member.role}`
      return fetch ? `${type} fetch` : `${type} ${conversation?.name} ${conversation?.my?.role}`
    })
const nameOf = (id: string): string => [owner, ann, bob, carol].find((person) => person.id === id)?.name ?? '?'

/** Resolves when a stream has told everything that was told before on the channels it has: by its own channel. */
const settled = async (person: Person, ...streams: SseClient[]): Promise<void> => {
  const other = person === ann ? bob : ann
  const { body } = await other.post('/conversations', { type: 'group', name: 'mark', memberIds: [person.id] }).expect(201)
  const isMark = (event: SseEvent) => event.event === 'conversation.created' && dataOf(event).conversationId === body.id
  await Promise.all(streams.map((stream) => stream.waitFor(isMark, deadlineMs)))
}

describe('streams tell', () => {
  it('who is added, each once: the newcomer finds themselves in the conversation first, and hears all from then on', async () => {
    const id = await aGroupOf(ann)
    const streams = { ann: await aStream(ann), bob: await aStream(bob), bobElsewhere: await aStream(bob, { at: neighbour }) }
    await owner.post(`/conversations/${id}/members`, { userIds: [bob.id, carol.id] }).expect(200)
    const added = ['member.added Bob member', 'member.added Carol member', 'message.created member.added Bob,Carol']
    await expect.poll(() => toldOf(streams.ann, id), { timeout: deadlineMs }).toEqual(added)
    await ann.send(id, { text: 'welcome' }).expect(201)
    const heard = ['conversation.created The hill member', ...added, 'message.created welcome']
    await expect.poll(() => toldOf(streams.bob, id), { timeout: deadlineMs }).toEqual(heard)
    await expect.poll(() => toldOf(streams.bobElsewhere, id), { timeout: deadlineMs }).toEqual(heard)
  })

  it('who is removed: to those who remain, and to who goes, who hears nothing after it', async () => {
    const id = await aGroupOf(ann, bob)
    const streams = [await aStream(bob), await aStream(bob, { at: neighbour })]
    const remaining = await aStream(ann, { at: neighbour })
    await owner.delete(`/conversations/${id}/members/${bob.id}`).expect(204)
    await ann.send(id, { text: 'he is gone' }).expect(201)
    await expect
      .poll(() => toldOf(remaining, id), { timeout: deadlineMs })
      .toEqual(['member.removed Bob member', 'message.created member.removed Bob', 'message.created he is gone'])
    await settled(bob, ...streams)
    for (const stream of streams) expect(toldOf(stream, id)).toEqual(['member.removed Bob member'])
  })

  it('who leaves, and who is the owner then', async () => {
    const id = await aGroupOf(ann, bob)
    await owner.patch(`/conversations/${id}/members/${bob.id}`, { role: 'admin' }).expect(200)
    await expect.poll(() => logOf(app, id), { timeout: deadlineMs }).toContain('member.updated')
    const [stream, own] = [await aStream(ann), await aStream(owner)]
    await owner.post(`/conversations/${id}/leave`, {}).expect(204)
    await expect
      .poll(() => toldOf(stream, id).slice(-3), { timeout: deadlineMs })
      .toEqual(['member.removed Owner owner', 'member.updated Bob owner', 'message.created member.left Owner'])
    await settled(owner, own)
    expect(toldOf(own, id)).toEqual(['member.removed Owner owner'])
  })

  it('who has another role', async () => {
    const id = await aGroupOf(ann, bob)
    const stream = await aStream(ann, { at: neighbour })
    await owner.patch(`/conversations/${id}/members/${bob.id}`, { role: 'owner' }).expect(200)
    await expect.poll(() => toldOf(stream, id), { timeout: deadlineMs }).toEqual(['member.updated Bob owner', 'member.updated Owner admin'])
  })

  it('of a new name, to each as they see it', async () => {
    const id = await aGroupOf(ann)
    const [anns, owners] = [await aStream(ann), await aStream(owner, { at: neighbour })]
    await owner.patch(`/conversations/${id}`, { name: 'Beacon' }).expect(200)
    await owner.patch(`/conversations/${id}`, { description: 'Two flashes' }).expect(200)
    const told = (role: string) => [`conversation.updated Beacon ${role}`, `conversation.updated Beacon ${role}`]
    const updates = (stream: SseClient) => toldOf(stream, id).filter((each) => each.startsWith('conversation.updated'))
    await expect.poll(() => updates(anns), { timeout: deadlineMs }).toEqual(told('member'))
    await expect.poll(() => updates(owners), { timeout: deadlineMs }).toEqual(told('owner'))
    await expect.poll(() => toldOf(anns, id), { timeout: deadlineMs }).toContain('message.created conversation.renamed')
    expect(toldOf(anns, id)).toHaveLength(3) // a description leaves no message
  })

  it('that a conversation is deleted, and nothing after it', async () => {
    const id = await aGroupOf(ann, bob)
    const streams = [await aStream(ann), await aStream(bob, { at: neighbour }), await aStream(owner)]
    await owner.delete(`/conversations/${id}`).expect(204)
    for (const [n, person] of [ann, bob, owner].entries()) {
      const stream = streams[n]
      if (!stream) throw new Error('three were opened')
      const told = await stream.waitFor((event) => event.event === 'conversation.deleted', deadlineMs)
      expect(told.data).toMatchObject({ conversationId: id, conversation: { id } })
      await settled(person, stream)
      expect(toldOf(stream, id)).toHaveLength(1)
    }
  })
})

describe('who was away', () => {
  /** Bob, who has been in a group for long, and his last position. */
  const bobAway = async () => {
    const id = await aGroupOf(ann, bob)
    await app.context.mongo.connection
      .collection('conversations')
      .updateOne({ _id: new Types.ObjectId(id) }, { $set: { 'members.$[].joinedAt': new Date(Date.now() - 60_000) } })
    const stream = await aStream(bob)
    await ann.send(id, { text: 'seen' }).expect(201)
    await expect.poll(() => toldOf(stream, id), { timeout: deadlineMs }).toEqual(['message.created seen'])
    await stream.close()
    return { id, lastEventId: positionOf(stream) }
  }

  it('while they were removed is told so, exactly, and sees nothing from after it', async () => {
    const { id, lastEventId } = await bobAway()
    await owner.delete(`/conversations/${id}/members/${bob.id}`).expect(204)
    await ann.send(id, { text: 'he is gone' }).expect(201)
    for (const at of [app, neighbour]) {
      const stream = await aStream(bob, { at, lastEventId })
      expect(stream.events[0]?.data).toMatchObject({ verdict: expect.stringMatching(/exact|partial/) })
      await settled(bob, stream)
      expect(toldOf(stream, id)).toEqual(['member.removed Bob member'])
    }
  })

  it('while they were removed and added again is told to fetch the conversation', async () => {
    const { id, lastEventId } = await bobAway()
    await owner.delete(`/conversations/${id}/members/${bob.id}`).expect(204)
    await ann.send(id, { text: 'without him' }).expect(201)
    await expect.poll(() => logOf(app, id), { timeout: deadlineMs }).toContain('without him') // what is told later he may hear
    await owner.post(`/conversations/${id}/members`, { userIds: [bob.id] }).expect(200)
    const stream = await aStream(bob, { lastEventId })
    expect(stream.events[0]?.data).toMatchObject({ verdict: 'partial', refetch: expect.arrayContaining([id]) })
    await ann.send(id, { text: 'back again' }).expect(201)
    await expect.poll(() => toldOf(stream, id), { timeout: deadlineMs }).toContain('message.created back again')
    expect(toldOf(stream, id)).not.toContain('message.created without him')
  })

  it('while the group was deleted is told so', async () => {
    const { id, lastEventId } = await bobAway()
    await owner.delete(`/conversations/${id}`).expect(204)
    const stream = await aStream(bob, { at: neighbour, lastEventId })
    await stream.waitFor((event) => event.event === 'conversation.deleted' && dataOf(event).conversationId === id, deadlineMs)
  })
})

describe('a large group', () => {
  it('is told of by one event that says to fetch: its beginning, its new name; its end to each', async () => {
    const many = await peopleInNumbers(app, 299)
    const streams = [await aStream(bob), await aStream(bob, { at: neighbour })]
    const created = await owner.post('/conversations', { type: 'group', name: 'Many', memberIds: [bob.id, ...many] }).expect(201)
    const { id } = created.body
    const fetches = ['conversation.created fetch']
    for (const stream of streams) await expect.poll(() => toldOf(stream, id), { timeout: deadlineMs }).toEqual(fetches)
    await owner.send(id, { text: 'hello all' }).expect(201)
    const hello = [...fetches, 'message.created hello all']
    for (const stream of streams) await expect.poll(() => toldOf(stream, id), { timeout: deadlineMs }).toEqual(hello)
    await owner.patch(`/conversations/${id}`, { name: 'More' }).expect(200)
    const renamed = [...hello, 'conversation.updated fetch', 'message.created conversation.renamed']
    for (const stream of streams) await expect.poll(() => toldOf(stream, id), { timeout: deadlineMs }).toEqual(renamed)
    const lastEventId = positionOf(streams[0] ?? raise())
    await streams[0]?.close()
    await owner.delete(`/conversations/${id}`).expect(204)
    const isEnd = (event: SseEvent) => event.event === 'conversation.deleted' && dataOf(event).conversationId === id
    await streams[1]?.waitFor(isEnd, deadlineMs)
    await (await aStream(bob, { lastEventId })).waitFor(isEnd, deadlineMs)
  })

  it('is told of newcomers one by one', async () => {
    const { conversation } = await aGroup(app, 2, owner)
    const many = await peopleInNumbers(app, 99)
    const stream = await aStream(owner)
    await owner.post(`/conversations/${conversation.id}/members`, { userIds: [bob.id, ...many] }).expect(200)
    await expect
      .poll(() => toldOf(stream, conversation.id).filter((each) => each.startsWith('member.added')).length, { timeout: deadlineMs })
      .toBe(100)
    const aboutWhom = async () => {
      const { body } = await owner.get(`/conversations/${conversation.id}/messages`).expect(200)
      return body.items.map(({ system }: { system: { userIds: string[] } }) => system.userIds)
    }
    await expect.poll(aboutWhom, { timeout: deadlineMs }).toEqual([[bob.id, ...many]])
  })
})

const raise = (): never => {
  throw new Error('it was opened')
}

describe('the messages that a conversation keeps of its changes', () => {
  const systemMessagesOf = async (reader: Person, id: string) => {
    const { body } = await reader.get(`/conversations/${id}/messages?afterSeq=0`).expect(200)
    return body.items
  }

  it('say who did what, in order, and have no text', async () => {
    const id = await aGroupOf(ann)
    const path = `/conversations/${id}`
    await owner.post(`${path}/members`, { userIds: [bob.id] }).expect(200)
    await expect.poll(async () => (await systemMessagesOf(ann, id)).length).toBe(1)
    await owner.delete(`${path}/members/${bob.id}`).expect(204)
    await owner.patch(path, { name: 'Beacon' }).expect(200)
    await expect.poll(async () => (await systemMessagesOf(ann, id)).length).toBe(3)
    await owner.post(`${path}/leave`, {}).expect(204)
    await expect.poll(async () => (await systemMessagesOf(ann, id)).length).toBe(4)
    const items = await systemMessagesOf(ann, id)
    expect(items.map(({ system }: { system: object }) => system)).toEqual([
      { event: 'member.added', userIds: [bob.id] },
      { event: 'member.removed', userIds: [bob.id] },
      { event: 'conversation.renamed', userIds: [], name: 'Beacon' },
      { event: 'member.left', userIds: [owner.id] },
    ])
    for (const item of items) expect(item).toMatchObject({ type: 'system', text: null, senderId: owner.id })
    expect(items.map(({ seq }: { seq: number }) => seq)).toEqual([1, 2, 3, 4])
  })

  it('are written and told once, by another worker, when the one that made the change died before', async () => {
    const id = await aGroupOf(ann)
    const stream = await aStream(ann)
    const dead = randomUUID()
    const at = new Date()
    const data = { by: owner.id, version: '2', userIds: bob.id, role: 'member', joinedAt: at.toISOString() }
    await stored().updateOne(
      { _id: new Types.ObjectId(id) },
      {
        $push: {
          members: { userId: new Types.ObjectId(bob.id), role: 'member', joinedAt: at, joinedSeq: 0 },
          outbox: outboxEntry(dead, 'member.added', at, data),
        },
        $inc: { version: 1 },
      },
    )
    await hasDied(app, dead)
    const bobs = await aStream(bob, { at: neighbour })
    for (let n = 0; n < 2; n++) await Promise.all([app.context.sweeper.sweep(), neighbour.context.sweeper.sweep()])
    await expect
      .poll(() => toldOf(stream, id), { timeout: deadlineMs })
      .toEqual(['member.added Bob member', 'message.created member.added Bob'])
    await expect.poll(() => toldOf(bobs, id), { timeout: deadlineMs }).toContain('message.created member.added Bob')
    expect(await systemMessagesOf(bob, id)).toHaveLength(1)
  })
})

describe('a removal that was answered', () => {
  it('has been told, however much had to be told before it', async () => {
    const id = await aGroupOf(ann, bob)
    const entry = () =>
      outboxEntry('another', 'member.updated', new Date(), { userIds: ann.id, role: 'member', joinedAt: new Date().toISOString() })
    await stored().updateOne({ _id: new Types.ObjectId(id) }, { $push: { outbox: { $each: Array.from({ length: 100 }, entry) } } })
    const lastOf = async () => (await neighbour.context.log.states([`user:${bob.id}`]))[0]?.last
    const before = await lastOf()
    await owner.delete(`/conversations/${id}/members/${bob.id}`).expect(204)
    expect(await lastOf()).not.toBe(before)
  })

  it('is answered only once it is told: by another worker, where the first is cut off from Redis', async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    const REDIS_URL = through(inject('redisUrl'), proxy)
    const cutOff = await startTestApp({ REDIS_URL, MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
    const id = await aGroupOf(ann, bob)
    const stream = await aStream(bob)
    const at = (person: Person, method: string, path: string, body: object) =>
      fetch(`${cutOff.url}/api/v1/conversations/${id}${path}`, {
        method,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${person.accessToken}` },
        body: JSON.stringify(body),
      }).then(({ status }) => status)
    const send = () => at(bob, 'POST', '/messages', { clientId: randomUUID(), text: 'hello' })
    proxy.cut()
    expect(await send()).toBe(201)
    expect(await at(owner, 'DELETE', `/members/${bob.id}`, {})).toBe(503)
    expect(await send()).toBe(404)
    expect(await at(owner, 'DELETE', `/members/${bob.id}`, {})).toBe(503)
    await owner.delete(`/conversations/${id}/members/${bob.id}`).expect(404)
    await owner.send(id, { text: 'among ourselves' }).expect(201)
    await stream.waitFor((event) => event.event === 'member.removed' && dataOf(event).conversationId === id, deadlineMs)
    proxy.restore()
    const other = await aGroupOf(bob)
    await owner.send(other, { text: 'the end' }).expect(201)
    await stream.waitFor((event) => JSON.stringify(event.data).includes('the end'), deadlineMs)
    expect(JSON.stringify(stream.events)).not.toContain('among ourselves')
    await cutOff.close()
    await proxy.close()
  })

  it('is not undone where a stream that begins after it hears once more of their coming', async () => {
    const id = await aGroupOf(ann, bob)
    await owner.delete(`/conversations/${id}/members/${bob.id}`).expect(204)
    const stream = await aStream(bob)
    await app.context.log.append({
      channel: `user:${bob.id}`,
      eventId: randomUUID(),
      frame: encodeFrame('told-again', {}),
      control: { joined: { conversationId: id, userIds: [bob.id], version: 1, since: '0-0' } },
    })
    await stream.waitFor(({ event }) => event === 'told-again', deadlineMs)
    const other = await aGroupOf(bob)
    for (const text of ['one', 'two', 'three']) {
      await owner.send(id, { text: 'among ourselves' }).expect(201)
      await owner.send(other, { text }).expect(201)
      await stream.waitFor((event) => JSON.stringify(event.data).includes(`"${text}"`), deadlineMs)
    }
    expect(JSON.stringify(stream.events)).not.toContain('among ourselves')
  })

  it('is not undone where the adding before it is told once more, to a log that has lost it', async () => {
    const { conversation } = await aGroup(app, 2)
    const conversations = app.context.mongo.connection.collection<ConversationDocument>('conversations')
    const document = await conversations.findOne({ _id: new Types.ObjectId(conversation.id) })
    const gone = new Types.ObjectId().toHexString()
    const data = { userIds: gone, role: 'member', joinedAt: new Date().toISOString() }
    const source = conversationSource({
      collection: () => conversations,
      watermarks: () => Promise.resolve(() => ({ deliveredSeq: 0, readSeq: 0 })),
      writeMessage: () => Promise.resolve(),
    })
    const entry = outboxEntry('a worker', 'member.added', new Date(), { ...data, version: '2' })
    if (!document) throw new Error('it was made')
    const told = await source.tell(document, entry)
    expect(told.map(({ channel }) => channel)).toContain(`user:${gone}`)
    expect(told.flatMap(({ control }) => control ?? [])).toEqual([])
  })

  it('takes no stream out of the conversation where who was removed is a member again, and the removal is told once more', async () => {
    const { conversation, members } = await aGroup(app, 2)
    const conversations = app.context.mongo.connection.collection<ConversationDocument>('conversations')
    const document = await conversations.findOne({ _id: new Types.ObjectId(conversation.id) })
    const source = conversationSource({
      collection: () => conversations,
      watermarks: () => Promise.resolve(() => ({ deliveredSeq: 0, readSeq: 0 })),
      writeMessage: () => Promise.resolve(),
    })
    if (!document) throw new Error('it was made')
    const [present = '', gone] = [members[1]?.id, new Types.ObjectId().toHexString()]
    const data = { userIds: `${present} ${gone}`, role: 'member', version: '2' }
    const told = await source.tell(document, outboxEntry('a worker', 'member.removed', new Date(), data))
    expect(told.map(({ channel }) => channel)).toEqual(expect.arrayContaining([`user:${present}`, `user:${gone}`]))
    expect(new Set(told.flatMap(({ control }) => (control ? JSON.stringify(control) : [])))).toEqual(
      new Set([JSON.stringify({ left: { conversationId: conversation.id, userIds: [gone], version: 2 } })]),
    )
  })

  it('keeps all that is sent after it from who was removed, at every worker, and all before from nobody', async () => {
    const id = await aGroupOf(ann, bob)
    const streams = [await aStream(bob), await aStream(bob, { at: neighbour })]
    const remaining = await aStream(ann)
    for (let round = 0; round < 8; round++) {
      const say = (what: string) =>
        Promise.all(
          Array.from({ length: 10 }, (_, n) =>
            fetch(`${(n % 2 === 0 ? app : neighbour).url}/api/v1/conversations/${id}/messages`, {
              method: 'POST',
              headers: { 'content-type': 'application/json', authorization: `Bearer ${(n % 3 === 0 ? ann : owner).accessToken}` },
              body: JSON.stringify({ clientId: randomUUID(), text: `${what} ${round} ${n}` }),
            }).then(({ status }) => expect(status).toBe(201)),
          ),
        )
      await say('before')
      const heard = (what: string) => toldOf(remaining, id).filter((each) => each.startsWith(`message.created ${what}`)).length
      await expect.poll(() => heard('before'), { timeout: deadlineMs }).toBe((round + 1) * 10) // who goes hears what is told until then
      const during = say('during')
      const opening = aStream(bob, { at: round % 2 === 0 ? app : neighbour })
      await owner.delete(`/conversations/${id}/members/${bob.id}`).expect(204)
      await Promise.all([say('after'), aStream(bob, { at: neighbour }).then((stream) => streams.push(stream))])
      await during
      streams.push(await opening)
      await expect.poll(() => heard('after'), { timeout: deadlineMs }).toBe((round + 1) * 10) // who comes again, what is told from then on
      await owner.post(`/conversations/${id}/members`, { userIds: [bob.id] }).expect(200)
      await settled(bob, ...streams)
      for (const stream of streams) expect(toldOf(stream, id).filter((each) => each.includes('after'))).toEqual([])
      for (const stream of streams.slice(2)) await stream.close()
      streams.splice(2)
    }
    for (const stream of streams) {
      expect(toldOf(stream, id).filter((each) => each.includes('before'))).toHaveLength(80)
      const next = () => toldOf(stream, id).flatMap((each, n, told) => (each.startsWith('member.removed') ? [told[n + 1]] : []))
      await expect.poll(next, { timeout: deadlineMs }).toEqual(Array(8).fill('conversation.created The hill member'))
    }
  })
})
