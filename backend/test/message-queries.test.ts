import { randomUUID } from 'node:crypto'
import { type mongo, Types } from 'mongoose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Activity } from '../src/features/conversations/index.js'
import { Heads, type MessageDocument, messageSource } from '../src/features/messages/index.js'
import { encodeSince } from '../src/http/since.js'
import { Keyspace } from '../src/platform/keyspace.js'
import { outboxEntry } from '../src/realtime/outbox-entry.js'
import { aDirectConversation, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const count = 20_000
const atOnce = 2000
/** The last ones, and one that was edited. */
const untold = (seq: number): boolean => seq > count - 20 || seq === 500
const began = Date.UTC(2026, 0, 1)
const changedAt = (seq: number): Date => new Date(began + seq * 1000)

let app: TestApp
let ann: Person
let conversationId: string
let last: MessageDocument
const database = () => {
  const { connection } = app.context.mongo
  return connection.getClient().db(connection.name)
}
const messages = () => database().collection<MessageDocument>('messages')

const aMessage = (seq: number, conversation: Types.ObjectId): MessageDocument => ({
  _id: new Types.ObjectId(),
  conversationId: conversation,
  seq,
  senderId: conversation,
  clientId: randomUUID(),
  contentHash: 'x',
  type: 'user',
  text: 'hello',
  version: 1,
  createdAt: changedAt(seq),
  ...(untold(seq)
    ? { outbox: [outboxEntry('another', seq === 500 ? 'message.updated' : 'message.created', changedAt(seq))] }
    : { changedAt: changedAt(seq) }),
})

beforeAll(async () => {
  app = await startTestApp()
  const direct = await aDirectConversation(app)
  ann = direct.ann
  conversationId = direct.conversation.id
  for (const conversation of [new Types.ObjectId(conversationId), new Types.ObjectId()]) {
    for (let from = 1; from <= count; from += atOnce) {
      await messages().insertMany(Array.from({ length: atOnce }, (_, n) => aMessage(from + n, conversation)))
    }
  }
  const newest = await messages().findOne({ conversationId: new Types.ObjectId(conversationId), seq: count })
  if (!newest) throw new Error('it was stored')
  last = newest
}, 120_000)
afterAll(() => app.close())

/** The plans of all queries of messages that are asked meanwhile, as the database says them. */
const plansOf = async (asking: () => Promise<unknown>): Promise<string[]> => {
  const commands: mongo.Document[] = []
  const listen = ({ commandName, command }: mongo.CommandStartedEvent): void => {
    if (commandName === 'find' && command.find === 'messages' && 'conversationId' in command.filter) commands.push(command)
  }
  const client = app.context.mongo.connection.getClient()
  client.on('commandStarted', listen)
  await asking()
  client.off('commandStarted', listen)
  const plans: string[] = []
  for (const { find, filter, sort, hint, limit, projection } of commands) {
    const explained = await database().command({
      explain: { find, filter, sort, ...(hint && { hint }), limit, ...(projection && { projection }) },
    })
    plans.push(JSON.stringify(explained.queryPlanner.winningPlan))
  }
  return plans
}

const list = (query: string) => ann.get(`/conversations/${conversationId}/messages?${query}`).expect(200)
const since = (seq: number): string => `changedSince=${encodeSince(changedAt(seq))}`
const cursor = (...position: unknown[]): string => `cursor=${Buffer.from(JSON.stringify(position)).toString('base64url')}`

describe(`of ${count.toLocaleString('en')} messages`, () => {
  it.each<[string, () => Promise<unknown>, string[]]>([
    ['the newest page', () => list(''), ['conversation_seq']],
    ['a page before a seq', () => list('beforeSeq=9000'), ['conversation_seq']],
    ['a page after a seq', () => list('afterSeq=9000'), ['conversation_seq']],
    ['a page around a seq', () => list('aroundSeq=9000'), ['conversation_seq']],
    ['what has changed since, a few', () => list(since(count - 100)), ['conversation_untold', 'conversation_changed']],
    ['what has changed since, nearly all', () => list(since(3)), ['conversation_untold', 'conversation_changed']],
    ['the next page of it', () => list(cursor('changed', changedAt(9000).getTime(), 9000)), ['conversation_changed']],
    [
      'the head',
      () => new Heads({ messages, keyspace: new Keyspace(() => 'none'), redis: undefined }).read(conversationId),
      ['conversation_seq'],
    ],
    [
      'the lowest that is not told',
      async () => {
        const activity = new Activity({ connection: app.context.mongo.connection, logger: app.context.logger, ready: () => true })
        expect(
          await messageSource({
            collection: messages,
            worker: app.context.leases.worker,
            activity,
            memberships: { hiddenBefore: () => Promise.resolve(1) },
            receipts: { sent: () => undefined },
            uploads: { detached: () => Promise.resolve() },
          }).baseOf(last),
        ).toBe(count - 20)
      },
      ['conversation_untold'],
    ],
  ])('%s is read in the order of its index', async (_name, asking, indexes) => {
    const plans = await plansOf(asking)
    expect(plans.map((plan) => /"indexName":"(\w+)"/.exec(plan)?.[1])).toEqual(indexes)
    for (const plan of plans) expect(plan).not.toMatch(/"stage":"(SORT|COLLSCAN|BitmapOr)"/)
  })
})
