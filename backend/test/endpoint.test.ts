import express from 'express'
import supertest from 'supertest'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { AnyEndpoint } from '../src/http/endpoint.js'
import { mount } from '../src/http/mount.js'
import { answerProblems } from '../src/http/problem-answer.js'
import { requestLog } from '../src/http/request-log.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let logsBefore = 0
beforeAll(async () => {
  app = await startTestApp({ LOG_LEVEL: 'info' })
})
beforeEach(() => {
  logsBefore = app.logs.length
})
afterAll(() => app.close())

const answering = (handler: () => Promise<{ status: number; body?: unknown }>, shape: Partial<AnyEndpoint> = {}) => {
  const declared: AnyEndpoint = {
    method: 'get',
    path: '/thing',
    summary: 'A thing',
    access: 'anyone',
    limit: 'none',
    request: {},
    responses: { 200: z.object({ id: z.string() }), 202: null, 204: null },
    handler,
    ...shape,
  }
  const server = express().use(requestLog(app.context.logger))
  mount(server, '', [declared], app.context)
  server.use(answerProblems(app.context.logger))
  return supertest(server).get('/thing')
}
const logged = (): string => app.logs.slice(logsBefore).join('')

describe('an endpoint in tests', () => {
  it('answers what it declares', async () => {
    await answering(async () => ({ status: 200, body: { id: 'a' } })).expect(200, { id: 'a' })
    await answering(async () => ({ status: 204 })).expect(204, {})
  })

  it.each([
    ['another status', { status: 201, body: { id: 'a' } }, 'undeclared 201'],
    ['a wrong type', { status: 200, body: { id: 7 } }, 'wrong body'],
    ['less', { status: 200, body: {} }, 'wrong body'],
    ['no body', { status: 200 }, 'wrong body'],
    ['more', { status: 200, body: { id: 'a', passwordHash: 'b' } }, 'more than it declares'],
    ['a body where none is declared', { status: 202, body: { id: 'a' } }, 'more than it declares'],
  ])('that answers %s is caught', async (_name, reply, reason) => {
    const answer = await answering(async () => reply).expect(500)
    expect(answer.body.code).toBe('internal_error')
    expect(logged()).toContain(reason)
  })
})

describe('a fault of ours', () => {
  it('is a 500 that tells nothing, and its cause is in the log', async () => {
    const answer = await answering(() => {
      const cause = new Error('the deepest reason')
      throw Object.assign(new Error('connect ECONNREFUSED db-7.internal', { cause }), { code: 'ECONNREFUSED' })
    }).expect(500)
    expect(answer.headers['content-type']).toContain('application/problem+json')
    expect(answer.body).toEqual({
      type: 'urn:heliograph:problem:internal_error',
      title: 'Something went wrong on our side',
      status: 500,
      detail: 'Something went wrong on our side',
      code: 'internal_error',
      requestId: answer.headers['x-request-id'],
    })
    const line = app.logs.slice(logsBefore).find((text) => text.includes('a request failed'))
    expect(JSON.parse(line ?? '{}')).toMatchObject({
      code: 'internal_error',
      requestId: answer.headers['x-request-id'],
      err: {
        code: 'ECONNREFUSED',
        message: expect.stringContaining('ECONNREFUSED db-7.internal'),
        stack: expect.stringContaining('the deepest reason'),
      },
    })
  })

  it.each(['a text', null, { status: 200, stack: 'x' }])('is one, even where %j was thrown', async (thrown) => {
    const answer = await answering(() => Promise.reject(thrown)).expect(500)
    expect(answer.body.code).toBe('internal_error')
  })
})
