import express from 'express'
import supertest from 'supertest'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Problem } from '../src/http/problem.js'
import { answerProblems } from '../src/http/problem-answer.js'
import { requestLog } from '../src/http/request-log.js'
import { createLogger } from '../src/platform/logger.js'
import { ErrorReports } from '../src/platform/telemetry/error-reports.js'
import { scrubbed } from '../src/platform/telemetry/scrub.js'
import { startHttpReceiver } from './support/http-receiver.js'

let receiver: Awaited<ReturnType<typeof startHttpReceiver>>
let errors: ErrorReports
beforeEach(async () => {
  receiver = await startHttpReceiver((response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}'))
  const dsn = receiver.url.replace('//', '//public@')
  errors = new ErrorReports({ dsn: `${dsn}/42`, environment: 'test', release: '1.2.3', worker: '7' })
})
afterEach(() => receiver.close())

/** A server whose one route fails with this. */
const failingWith = (error: unknown) => {
  const app = express()
  app.use(requestLog(createLogger('silent')), express.json())
  app.post('/things/:thingId', () => {
    throw error
  })
  app.use(answerProblems(createLogger('silent'), errors))
  return supertest(app)
}

/** The events of all envelopes, and all that was sent as it was. */
const told = async () => {
  await errors.close()
  const sent = receiver.requests.map(({ body }) => body).join('\n')
  const events = receiver.requests.flatMap(({ body }) =>
    body
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ exception }) => exception !== undefined),
  )
  return { sent, events }
}

describe('an error that nobody expected', () => {
  it('is told to Sentry with its request, and without who asked, with what and what for', async () => {
    const error = new Error(
      'mongodb://chat:hunter2@db/x failed for +4915112345678, ann@example.com, Bearer abc.def and eyJhbGciOi.eyJzdWIiOi.c2ln',
      {
        cause: new Error('Bearer innermost'),
      },
    )
    const answer = await failingWith(error)
      .post('/things/secret-thing?ticket=secret-ticket')
      .set({
        Authorization: 'Bearer secret-token',
        Cookie: 'refresh=secret-cookie',
        'X-CSRF-Token': 'secret-csrf',
        'User-Agent': 'a phone',
      })
      .send({ password: 'secret-password', text: 'secret-text' })
      .expect(500)
    const { sent, events } = await told()
    expect(receiver.requests[0]?.path).toContain('/api/42/envelope/')
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({
      release: '1.2.3',
      environment: 'test',
      transaction: 'POST /things/:thingId',
      tags: { worker: '7', request_id: answer.headers['x-request-id'] },
      request: { method: 'POST', url: '/things/:thingId', headers: { 'user-agent': 'a phone', 'content-type': 'application/json' } },
    })
    expect(sent).toContain('mongodb://[hidden]@db/x failed for [hidden], [hidden], Bearer [hidden] and [hidden]')
    expect(sent).toContain('error-reports.test.ts')
    expect(sent).not.toMatch(/secret-|hunter2|4915112345678|ann@example|abc\.def|eyJ|innermost/)
  })

  it('is told once however often it is thrown in a row, and by a connection that is lost holds up nobody', async () => {
    const error = new Error('again')
    const server = failingWith(error)
    for (let n = 0; n < 3; n++) await server.post('/things/1').expect(500)
    expect((await told()).events).toHaveLength(1)
    const away = new ErrorReports({ dsn: 'http://public@127.0.0.1:1/42', environment: 'test', release: '1', worker: '0' })
    away.report(new Error('nobody hears this'))
    await away.close()
  })

  it('is not what a client did wrong, nor a database that is away', async () => {
    await failingWith(new Problem('not_found')).post('/things/1').expect(404)
    await failingWith(new Problem('service_unavailable')).post('/things/1').expect(503)
    await failingWith(new z.ZodError([])).post('/things/1').expect(500)
    expect((await told()).events).toHaveLength(1)
  })
})

describe('an event as it may leave', () => {
  it('has no cookies, no body, no query, no person, whoever put them in', () => {
    const event = scrubbed({
      type: undefined,
      message: 'Bearer secret',
      user: { id: 'secret', ip_address: '203.0.113.7' },
      extra: { body: 'secret' },
      breadcrumbs: [{ message: 'secret' }],
      request: {
        method: 'GET',
        url: '/sse?ticket=secret',
        query_string: 'ticket=secret',
        cookies: { refresh: 'secret' },
        data: { password: 'secret' },
        env: { SECRET: 'secret' },
        headers: {
          Authorization: 'secret',
          cookie: 'secret',
          'Set-Cookie': 'secret',
          'x-forwarded-for': 'secret',
          Host: 'chat.example.com',
        },
      },
    })
    expect(event).toEqual({
      type: undefined,
      message: 'Bearer [hidden]',
      request: { method: 'GET', url: '/sse', headers: { Host: 'chat.example.com' } },
    })
  })
})
