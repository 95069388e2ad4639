import { randomInt, randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import type { Test } from 'supertest'
import type { TestApp } from './test-app.js'

/** A signed-in person, and what they ask: paths below /api/v1. */
export interface Person {
  readonly id: string
  readonly name: string
  readonly phone: string
  readonly password: string
  readonly accessToken: string
  readonly refreshToken: string
  get(path: string): Test
  post(path: string, body: object): Test
  patch(path: string, body: object): Test
  put(path: string): Test
  delete(path: string): Test
  /** `hello`, unless the message says something else. */
  send(conversationId: string, message: SentMessage): Test
}

interface SentMessage {
  readonly clientId?: string
  readonly text?: string
  readonly attachments?: readonly string[]
  readonly replyTo?: string
  readonly forwardOf?: string
  readonly mentions?: readonly { readonly userId: string; readonly offset: number; readonly length: number }[]
}

interface Conversation {
  readonly id: string
}

let lastNumber = randomInt(500_000)

/** A valid German mobile number, not given out before in this file. */
export const aPhone = (): string => {
  lastNumber += 1
  return `+4915112${String(lastNumber).padStart(6, '0')}`
}

/** Keeps every rule: the 13th digit of a UUID is a 4. */
export const aPassword = (): string => `Signals ${randomUUID().slice(0, 18)}`

/** Registers somebody. */
export const aPerson = async (app: TestApp, { name = 'Ann' }: { readonly name?: string } = {}): Promise<Person> => {
  const [phone, password] = [aPhone(), aPassword()]
  const { body } = await app.request.post('/api/v1/auth/register').send({ phone, password, name }).expect(201)
  const { accessToken, refreshToken, user } = body
  const get: Person['get'] = (path) => app.request.get(`/api/v1${path}`).auth(accessToken, { type: 'bearer' })
  const post: Person['post'] = (path, content) => app.request.post(`/api/v1${path}`).auth(accessToken, { type: 'bearer' }).send(content)
  const patch: Person['patch'] = (path, content) => app.request.patch(`/api/v1${path}`).auth(accessToken, { type: 'bearer' }).send(content)
  const put: Person['put'] = (path) => app.request.put(`/api/v1${path}`).auth(accessToken, { type: 'bearer' })
  const remove: Person['delete'] = (path) => app.request.delete(`/api/v1${path}`).auth(accessToken, { type: 'bearer' })
  const send: Person['send'] = (conversationId, message) =>
    post(`/conversations/${conversationId}/messages`, {
      clientId: randomUUID(),
      ...(message.forwardOf === undefined && message.attachments === undefined && { text: 'hello' }),
      ...message,
    })
  return { id: user.id, name, phone, password, accessToken, refreshToken, get, post, patch, put, delete: remove, send }
}

/** The ids of people who never signed in: for groups of many. */
export const peopleInNumbers = async (app: TestApp, count: number): Promise<string[]> => {
  const users = Array.from({ length: count }, (_, n) => ({
    _id: new Types.ObjectId(),
    phone: aPhone(),
    name: `One of many ${n}`,
    nameFolded: `ONE OF MANY ${n}`,
    passwordHash: 'none',
    createdAt: new Date(),
    version: 1,
  }))
  await app.context.mongo.connection.collection('users').insertMany(users)
  return users.map(({ _id }) => _id.toHexString())
}

/** Two people and their conversation, which Ann began. */
export const aDirectConversation = async (app: TestApp): Promise<{ ann: Person; bob: Person; conversation: Conversation }> => {
  const [ann, bob] = await Promise.all([aPerson(app), aPerson(app, { name: 'Bob' })])
  const { body } = await ann.post('/conversations', { type: 'direct', userId: bob.id }).expect(201)
  return { ann, bob, conversation: body }
}

/** A group of `size` people, its owner first among the members; the owner is made too where none is given. */
export const aGroup = async (
  app: TestApp,
  size: number,
  givenOwner?: Person,
): Promise<{ owner: Person; members: Person[]; conversation: Conversation }> => {
  const owner = givenOwner ?? (await aPerson(app, { name: 'Owner' }))
  const others = await Promise.all(Array.from({ length: size - 1 }, (_, n) => aPerson(app, { name: `Member ${n + 1}` })))
  const memberIds = others.map(({ id }) => id)
  const { body } = await owner.post('/conversations', { type: 'group', name: 'The hill', memberIds }).expect(201)
  return { owner, members: [owner, ...others], conversation: body }
}
