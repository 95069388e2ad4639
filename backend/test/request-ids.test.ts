import express from 'express'
import supertest from 'supertest'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { answerProblems } from '../src/http/problem-answer.js'
import { requestLog } from '../src/http/request-log.js'
import { createLogger } from '../src/platform/logger.js'
import { aDirectConversation, type Person } from './support/people.js'
import { SseClient } from './support/sse-client.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let following: TestApp
let usual: TestApp
beforeAll(async () => {
  following = await startTestApp({ LOG_LEVEL: 'debug' })
  usual = await startTestApp({ LOG_LEVEL: 'info' })
})
afterAll(async () => {
  await following.close()
  await usual.close()
})

const linesOf = (logs: readonly string[], requestId: string) =>
  logs.map((line): Record<string, unknown> => JSON.parse(line)).filter((line) => line['requestId'] === requestId)
const saidOf = (logs: readonly string[], requestId: string) => linesOf(logs, requestId).map(({ msg, type }) => String(type ?? msg))

const sendAs = (person: Person, conversationId: string, requestId: string, body: { text: string }) =>
  person.send(conversationId, body).set('X-Request-Id', requestId)

describe('a request’s id', () => {
  it('is in its answer, in its error and in its line', async () => {
    const answer = await usual.request.get('/nowhere').set('X-Request-Id', 'of-an-error').expect(404)
    expect([answer.headers['x-request-id'], answer.body.requestId]).toEqual(['of-an-error', 'of-an-error'])
    await expect.poll(() => saidOf(usual.logs, 'of-an-error')).toEqual(['answered'])
  })

  it('is made where there is none that can be used', async () => {
    const ids = []
    for (const given of ['', 'with a space', 'x'.repeat(65), 'new\tline']) {
      const { headers, body } = await usual.request.get('/nowhere').set('X-Request-Id', given).expect(404)
      expect(body.requestId).toBe(headers['x-request-id'])
      ids.push(String(headers['x-request-id']))
    }
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('is in the line that says why it failed', async () => {
    const logs: string[] = []
    const logger = createLogger('info', { write: (line) => void logs.push(line) })
    const app = express().use(requestLog(logger))
    app.get('/fails', () => {
      throw new Error('for no reason')
    })
    app.use(answerProblems(logger))
    await supertest(app).get('/fails').set('X-Request-Id', 'that-failed').expect(500)
    await expect.poll(() => saidOf(logs, 'that-failed')).toEqual(['a request failed', 'answered'])
  })

  it('is with every event that it causes, where requests are followed, however many come at once', async () => {
    const { ann, bob, conversation } = await aDirectConversation(following)
    const ids = Array.from({ length: 30 }, (_, n) => `followed-${n}`)
    await Promise.all(ids.map((id, n) => sendAs(n % 2 ? ann : bob, conversation.id, id, { text: id }).expect(201)))
    for (const id of ids) await expect.poll(() => new Set(saidOf(following.logs, id))).toEqual(new Set(['answered', 'message.created']))
    const stored = following.context.mongo.connection.collection('messages')
    const messages = await stored.find({ text: { $in: ids } }).toArray()
    expect(messages).toHaveLength(30)
    for (const { text, outbox } of messages) {
      expect(outbox).toEqual([expect.objectContaining({ requestId: text })])
      const told = linesOf(following.logs, text).find(({ type }) => type === 'message.created')
      expect(told?.['eventId']).toBe(outbox[0].eventId)
    }
  })

  it('is told to nobody else: not in what is shown or published of a message', async () => {
    const { ann, bob, conversation } = await aDirectConversation(following)
    const stream = await SseClient.open(`${following.url}/sse`, { headers: { authorization: `Bearer ${bob.accessToken}` } })
    onTestFinished(() => stream.close())
    await stream.waitFor(({ event }) => event === 'resume', 30_000)
    await sendAs(ann, conversation.id, 'private-to-ann', { text: 'hello' }).expect(201)
    await stream.waitFor(({ event }) => event === 'message.created', 30_000)
    expect(JSON.stringify(stream.events)).toContain('hello')
    expect(JSON.stringify(stream.events)).not.toContain('private-to-ann')
    const { body } = await bob.get(`/conversations/${conversation.id}/messages`).expect(200)
    expect(JSON.stringify(body)).not.toContain('private-to-ann')
    await expect.poll(() => saidOf(following.logs, 'private-to-ann')).toContain('message.created')
  })

  it('is kept with no event where requests are not followed', async () => {
    const { ann, conversation } = await aDirectConversation(usual)
    await sendAs(ann, conversation.id, 'unfollowed', { text: 'unfollowed' }).expect(201)
    const stored = usual.context.mongo.connection.collection('messages')
    const message = await stored.findOne({ text: 'unfollowed' })
    expect(message?.['outbox']).toEqual([expect.not.objectContaining({ requestId: expect.anything() })])
    await expect.poll(() => saidOf(usual.logs, 'unfollowed')).toEqual(['answered'])
  })
})
