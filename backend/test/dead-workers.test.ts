import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { expect, it } from 'vitest'
import { outboxEntry } from '../src/realtime/outbox-entry.js'
import { hasDied } from './support/dead-worker.js'
import { anApp, aStream, deadline, sendAll, textsOf } from './support/listening.js'
import { aDirectConversation, aGroup, aPerson, type Person } from './support/people.js'
import { dataOf } from './support/streams.js'
import type { TestApp } from './support/test-app.js'

const second = 1000
const minute = 60 * second

const leasesOf = ({ context }: TestApp) => context.mongo.connection.collection<{ _id: string; holder: string; expiresAt: Date }>('leases')

/** A worker whose lease ran out so long ago. @returns its name */
const aDeadWorker = async (app: TestApp, sinceMs: number): Promise<string> => {
  const worker = randomUUID()
  await leasesOf(app).insertOne({ _id: `worker:${worker}`, holder: worker, expiresAt: new Date(Date.now() - sinceMs) })
  return worker
}

/** A message as that worker stored it and never told it, by a clock that is so far ahead. */
const leave = async (
  { context }: TestApp,
  worker: string,
  sender: Person,
  message: { conversationId: string; seq: number; text: string },
  aheadMs = 0,
) => {
  const at = new Date(Date.now() + aheadMs)
  await context.mongo.connection.collection('messages').insertOne({
    ...message,
    conversationId: new Types.ObjectId(message.conversationId),
    senderId: new Types.ObjectId(sender.id),
    clientId: randomUUID(),
    contentHash: 'x',
    type: 'user',
    version: 1,
    createdAt: at,
    outbox: [outboxEntry(worker, 'message.created', at)],
  })
}

const aTalk = async () => {
  const app = await anApp()
  const { ann, bob, conversation } = await aDirectConversation(app)
  const stream = await aStream(bob, app)
  await sendAll(ann, conversation.id, ['before'])
  await expect.poll(() => textsOf(stream), deadline).toEqual(['before'])
  return { app, ann, conversationId: conversation.id, stream }
}

it('what a worker left whose clock was ahead is told at once, and what came after it', async () => {
  const { app, ann, conversationId, stream } = await aTalk()
  const dead = await aDeadWorker(app, 10 * minute)
  await leave(app, dead, ann, { conversationId, seq: 2, text: 'of the future' }, 10 * minute)
  await sendAll(ann, conversationId, ['after it'])
  await app.context.sweeper.sweep()
  await expect.poll(() => textsOf(stream), deadline).toEqual(['before', 'of the future', 'after it'])
})

it('what a worker left is told, that stood still, was taken for dead, stored a message after all and died', async () => {
  const { app, ann, conversationId, stream } = await aTalk()
  const frozen = await aDeadWorker(app, minute)
  await app.context.sweeper.sweep()
  await leave(app, frozen, ann, { conversationId, seq: 2, text: 'late' })
  await app.context.sweeper.sweep()
  await expect.poll(() => textsOf(stream), deadline).toEqual(['before', 'late'])
})

it('what such a worker left is told to who came since as something to fetch: what it says is not theirs to see', async () => {
  const app = await anApp()
  const { owner, conversation } = await aGroup(app, 2)
  await owner.patch(`/conversations/${conversation.id}`, { settings: { history: 'joined' } }).expect(200)
  const dead = randomUUID()
  await leave(app, dead, owner, { conversationId: conversation.id, seq: 1, text: 'said before' }, 10 * minute)
  const newcomer = await aPerson(app, { name: 'Newcomer' })
  await owner.post(`/conversations/${conversation.id}/members`, { userIds: [newcomer.id] }).expect(200)
  const stream = await aStream(newcomer, app)
  await hasDied(app, dead)
  await app.context.sweeper.sweep()
  await stream.waitFor(({ event }) => event === 'message.created', deadline.timeout)
  const message = { id: expect.any(String), conversationId: conversation.id, seq: 1, version: 1 }
  expect(dataOf(stream, 'message.created')[0]).toMatchObject({ message, fetch: true })
  expect(JSON.stringify(stream.events)).not.toContain('said before')
})

it('a lease that ran out an hour ago is forgotten once nothing is left of its worker’s', async () => {
  const { app } = await aTalk()
  const [, recent] = [await aDeadWorker(app, 61 * minute), await aDeadWorker(app, 10 * minute)]
  await app.context.sweeper.sweep()
  const left = await leasesOf(app)
    .find({ _id: /^worker:/ })
    .toArray()
  expect(left.map(({ holder }) => holder).toSorted()).toEqual([recent, app.context.leases.worker].toSorted())
})
