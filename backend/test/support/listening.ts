import { randomUUID } from 'node:crypto'
import { afterEach, expect } from 'vitest'
import type { Person } from './people.js'
import { SseClient } from './sse-client.js'
import { startTestApp, type TestApp } from './test-app.js'

/** Workers and streams that end with their test, and what was heard. */

export const deadline = { timeout: 30_000 }

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** Done when the test has finished, the last first. */
export const afterwards = (close: () => unknown): void => void closing.push(close)

export const anApp = async (...parameters: Parameters<typeof startTestApp>): Promise<TestApp> => {
  const app = await startTestApp(...parameters)
  afterwards(() => app.close())
  return app
}

/** Another worker: the same database. */
export const aNeighbour = (of: TestApp, ...[variables, options]: Parameters<typeof startTestApp>): Promise<TestApp> =>
  anApp({ MONGO_URI: of.context.config.mongo.uri, JWT_SECRET: of.secret, ...variables }, options)

export const aStream = async (person: Person, at: TestApp, lastEventId?: string): Promise<SseClient> => {
  const headers = { authorization: `Bearer ${person.accessToken}`, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) }
  const stream = await SseClient.open(`${at.url}/sse`, { headers })
  afterwards(() => stream.close())
  await stream.waitFor(({ event }) => event === 'resume', 30_000)
  return stream
}

export const hasEnded = (stream: SseClient): { readonly value: boolean } => {
  const ended = { value: false }
  void stream.ended.then(() => {
    ended.value = true
  })
  return ended
}

export const textsOf = (stream: SseClient): string[] =>
  stream.events.filter(({ event }) => event === 'message.created').map(({ data }) => (data as { message: { text: string } }).message.text)

export const sendAll = async (from: Person, conversationId: string, texts: readonly string[]): Promise<void> => {
  for (const text of texts) await from.send(conversationId, { text }).expect(201)
}

/** A person's calls at another worker. */
export const at = (app: TestApp, person: Person): Person => ({
  ...person,
  get: (path) => app.request.get(`/api/v1${path}`).auth(person.accessToken, { type: 'bearer' }),
  post: (path, body) => app.request.post(`/api/v1${path}`).auth(person.accessToken, { type: 'bearer' }).send(body),
  send: (conversationId, { clientId = randomUUID(), text = 'hello' }) =>
    app.request
      .post(`/api/v1/conversations/${conversationId}/messages`)
      .auth(person.accessToken, { type: 'bearer' })
      .send({ clientId, text }),
})

/** Everybody has joined long enough ago for a replay. */
export const longAgo = (app: TestApp) =>
  app.context.mongo.connection
    .collection('conversations')
    .updateMany({}, { $set: { 'members.$[].joinedAt': new Date(Date.now() - 60_000) } })

/** Resolves when nothing has to be told any more. */
export const outboxesAreEmpty = (app: TestApp) =>
  expect
    .poll(
      async () => {
        const { connection } = app.context.mongo
        const left = ['messages', 'conversations'].map((name) => connection.collection(name).countDocuments({ outbox: { $exists: true } }))
        return (await Promise.all(left)).reduce((sum, count) => sum + count, 0)
      },
      { timeout: 60_000 },
    )
    .toBe(0)

export const upTo = (n: number, prefix: string): string[] => Array.from({ length: n }, (_, index) => `${prefix} ${index + 1}`)
