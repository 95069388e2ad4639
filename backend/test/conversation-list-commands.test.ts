import { randomUUID } from 'node:crypto'
import { type mongo, Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isOwnBusiness } from './support/own-business.js'
import { aPerson, type Person, peopleInNumbers } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const count = 500
const messagesEach = 3

let app: TestApp
let ann: Person
beforeAll(async () => {
  app = await startTestApp()
  ann = await aPerson(app)
  const others = (await peopleInNumbers(app, 20)).map((id) => new Types.ObjectId(id))
  const viewer = new Types.ObjectId(ann.id)
  const at = new Date(Date.now() - 60_000)
  const conversations = Array.from({ length: count }, (_, n) => {
    const userIds = n < others.length ? [viewer, others[n] ?? viewer] : [viewer, ...others]
    const key = userIds.map((id) => id.toHexString()).toSorted()
    return {
      _id: new Types.ObjectId(),
      ...(userIds.length === 2 ? { type: 'direct', name: null, directKey: key.join(':') } : { type: 'group', name: `Group ${n}` }),
      members: userIds.map((userId) => ({ userId, role: 'member', joinedAt: at, joinedSeq: 0 })),
      ...(n < 3 && { pins: [`${ann.id}:${n}`] }),
      description: null,
      lastSeq: messagesEach,
      lastMessageAt: new Date(at.getTime() - n * 1000),
      createdAt: at,
      changedAt: at,
      version: 1,
    }
  })
  const messages = conversations.flatMap(({ _id, members }) =>
    Array.from({ length: messagesEach }, (_, n) => ({
      conversationId: _id,
      seq: n + 1,
      senderId: members[1]?.userId,
      clientId: randomUUID(),
      contentHash: 'x',
      type: 'user',
      text: 'hello',
      mentions: [{ userId: viewer, offset: 0, length: 5 }],
      version: 1,
      createdAt: at,
      changedAt: at,
    })),
  )
  const { connection } = app.context.mongo
  await connection.collection('conversations').insertMany(conversations)
  await connection.collection('messages').insertMany(messages)
  const receipts = conversations.flatMap(({ _id, members }) =>
    members.map(({ userId }) => ({ conversationId: _id, userId, deliveredSeq: 1, readSeq: 1, deliveredSteps: [], readSteps: [] })),
  )
  await connection.collection('receipts').insertMany(receipts)
})
afterAll(() => app.close())

/** Where what a list shows is kept. */
const shown = new Set(['conversations', 'messages', 'receipts', 'users', 'blocks'])

/** What the database is asked meanwhile, in order of name. */
const commandsOf = async (asking: () => Promise<unknown>): Promise<string[]> => {
  const commands: string[] = []
  const client = app.context.mongo.connection.getClient()
  const note = ({ commandName, command }: mongo.CommandStartedEvent): void => {
    const collection: unknown = commandName === 'getMore' ? command['collection'] : command[commandName]
    if (typeof collection !== 'string' || !shown.has(collection) || isOwnBusiness(commandName, command)) return
    commands.push(`${commandName} ${collection}`)
  }
  client.on('commandStarted', note)
  await asking().finally(() => client.off('commandStarted', note))
  return commands.toSorted()
}

/** One query of each thing that a page shows, and the pinned conversations beside the others. */
const ofAPage = ['aggregate messages', 'find blocks', 'find conversations', 'find messages', 'find receipts', 'find users']

describe(`the list of who is in ${count} conversations`, () => {
  const list = async (query: string) => (await ann.get(`/conversations?${query}`).expect(200)).body

  it.each([3, 50, 100])('asks the same few queries for %i of them: none for each', async (limit) => {
    const pinnedAndOthers = [...ofAPage, 'find conversations'].toSorted()
    expect(await commandsOf(() => list(`limit=${limit}`))).toEqual(pinnedAndOthers)
    const { items } = await list(`limit=${limit}`)
    expect(items).toHaveLength(limit)
    for (const item of items) expect(item).toMatchObject({ unreadCount: 2, mentionCount: 2, lastMessage: { seq: messagesEach } })
  })

  it('asks no more on the pages after it, none of which shows a conversation twice', async () => {
    const seen: string[] = []
    let { items, nextCursor } = await list('limit=100')
    for (;;) {
      seen.push(...items.map(({ id }: { id: string }) => id))
      if (nextCursor === null) break
      const query = `limit=100&cursor=${nextCursor}`
      const commands = await commandsOf(async () => {
        ;({ items, nextCursor } = await list(query))
      })
      expect(commands.length).toBeLessThanOrEqual(ofAPage.length + 1)
    }
    expect([seen.length, new Set(seen).size]).toEqual([count, count])
  })

  it('asks as much for one of them, and for a page of its messages a single query', async () => {
    const [{ id }] = (await list('limit=1')).items
    expect(await commandsOf(async () => ann.get(`/conversations/${id}`).expect(200))).toEqual(ofAPage)
    const page = async () => ann.get(`/conversations/${id}/messages`).expect(200)
    await page() // from then on it is known that she is a member
    expect(await commandsOf(page)).toEqual(['find messages'])
  })
})
