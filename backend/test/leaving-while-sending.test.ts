import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { MessageDocument } from '../src/features/messages/index.js'
import { aGroup, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let neighbour: TestApp // another worker: same database, same Redis
beforeAll(async () => {
  app = await startTestApp()
  neighbour = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
})
afterAll(async () => {
  await neighbour.close()
  await app.close()
})

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1)

const post = (worker: TestApp, person: Person, path: string, body: object) =>
  worker.request.post(`/api/v1/conversations/${path}`).auth(person.accessToken, { type: 'bearer' }).send(body)

it('who leaves while sending has sent what was answered 201, and nothing else; from the answer on nothing more', async () => {
  for (const round of upTo(4)) {
    const { members, conversation } = await aGroup(app, 3)
    const [, leaver, other] = members
    if (!leaver || !other) throw new Error('a group of three')
    const send = async (worker: TestApp, text: string) => {
      const clientId = randomUUID()
      const { status, body } = await post(worker, leaver, `${conversation.id}/messages`, { clientId, text })
      return { clientId, status, code: body.code }
    }
    for (const worker of [app, neighbour]) expect((await send(worker, 'they are known to be in it')).status).toBe(201)
    const sending = upTo(16).map((n) => send(n % 2 === 0 ? app : neighbour, `round ${round}, message ${n}`))
    const [left, ...answers] = await Promise.all([
      post(round % 2 === 0 ? app : neighbour, leaver, `${conversation.id}/leave`, {}),
      ...sending,
    ])
    expect(left.status).toBe(204)
    for (const { status } of answers) expect([201, 404]).toContain(status)
    expect((await send(round % 2 === 0 ? app : neighbour, 'after the answer')).status).toBe(404)
    for (const worker of [app, neighbour]) await expect.poll(async () => (await send(worker, 'soon after')).code).toBe('not_found')
    for (const worker of [app, neighbour]) expect((await send(worker, 'ever after')).status).toBe(404)

    const stored = await app.context.mongo.connection
      .collection<MessageDocument>('messages')
      .find({ conversationId: new Types.ObjectId(conversation.id) })
      .sort({ seq: 1 })
      .toArray()
    expect(stored.map(({ seq }) => seq)).toEqual(upTo(stored.length))
    const ofLeaver = new Set(stored.filter(({ type }) => type === 'user').map(({ clientId }) => clientId))
    for (const { clientId, status } of answers) expect([clientId, ofLeaver.has(clientId)]).toEqual([clientId, status === 201])
    expect(stored.map(({ text }) => text)).not.toContain('after the answer')
    expect(stored.map(({ text }) => text)).not.toContain('ever after')
    const seen = await other.get(`/conversations/${conversation.id}/messages?limit=100`).expect(200)
    expect(seen.body.items).toHaveLength(stored.length)
  }
}, 120_000)
