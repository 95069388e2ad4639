import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aPerson, type Person } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let ann: Person
beforeAll(async () => {
  app = await startTestApp()
  ann = await aPerson(app)
})
afterAll(() => app.close())

const register = (body: string, type = 'application/json') => app.request.post('/api/v1/auth/register').set('Content-Type', type).send(body)

describe('X-Request-Id', () => {
  it('is the caller’s where it is usable, in the answer and in a problem', async () => {
    const answer = await app.request.get('/api/v1/users/me').set('X-Request-Id', 'client-7.a_b:1').expect(401)
    expect([answer.headers['x-request-id'], answer.body.requestId]).toEqual(['client-7.a_b:1', 'client-7.a_b:1'])
  })

  it('is new, another one each time, where the caller gives none', async () => {
    const ids = await Promise.all([1, 2, 3].map(async () => (await app.request.get('/health/live')).headers['x-request-id']))
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/)
    expect(new Set(ids).size).toBe(3)
  })

  it.each(['with spaces', 'x'.repeat(65), '"quoted"', '{"a":1}', '<script>', ''])('%j is replaced', async (id) => {
    const answer = await app.request.get('/health/live').set('X-Request-Id', id)
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe('a problem', () => {
  it('is application/problem+json with all that a client needs', async () => {
    const answer = await app.request.get('/api/v1/nowhere').expect(404)
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
    expect(answer.body).toEqual({
      type: 'urn:heliograph:problem:not_found',
      title: 'Not found',
      status: 404,
      detail: expect.any(String),
      code: 'not_found',
      requestId: answer.headers['x-request-id'],
    })
  })

  it.each([
    ['get', '/'],
    ['get', '/api/v1'],
    ['get', '/api/v2/users/me'],
    ['delete', '/api/v1/users'],
    ['post', '/health'],
    ['get', '/.env'],
  ] as const)('answers %s %s with not_found', async (method, path) => {
    const answer = await app.request[method](path).expect(404)
    expect(answer.body.code).toBe('not_found')
  })

  it('lists where a request is wrong, all of it at once', async () => {
    const answer = await register(JSON.stringify({ phone: 7, name: null, extra: true })).expect(400)
    expect(answer.body.code).toBe('validation_failed')
    const errors: { path: string; message: string }[] = answer.body.errors
    expect(errors.map(({ path }) => path).toSorted()).toEqual(['body', 'body.name', 'body.password', 'body.phone'])
    expect(errors.find(({ path }) => path === 'body')?.message).toContain('extra')
  })

  it('lists at most 20 errors', async () => {
    const memberIds = Array.from({ length: 200 }, (_, n) => `bad ${n}`)
    const answer = await ann.post('/conversations', { type: 'group', name: 'Hill', memberIds }).expect(400)
    expect(answer.body.errors).toHaveLength(20)
    expect(answer.body.errors[7].path).toBe('body.memberIds.7')
  })
})

describe('a body', () => {
  it.each(['{"phone": ', 'phone=1', '"text"', '7', 'null', '{"a":1}}'])('that is no JSON object is refused: %s', async (body) => {
    const answer = await register(body).expect(400)
    expect(answer.body.code).toBe('validation_failed')
    expect(answer.text).not.toContain('SyntaxError')
  })

  it('that is missing is refused by its fields', async () => {
    const answer = await app.request.post('/api/v1/auth/register').expect(400)
    const paths = answer.body.errors.map(({ path }: { path: string }) => path)
    expect(paths.toSorted()).toEqual(['body.name', 'body.password', 'body.phone'])
  })

  it.each([{ $gt: '' }, { $ne: null }, ['+4915112345678'], 4_915_112_345_678, true, null])(
    'with %j for a phone is refused',
    async (phone) => {
      const body = { phone, password: 'a long password' }
      const answer = await app.request.post('/api/v1/auth/login').send(body).expect(400)
      expect(answer.body.errors).toEqual([expect.objectContaining({ path: 'body.phone' })])
    },
  )

  it.each([
    '{"phone":"+4915112345678","password":"a long password","admin":true}',
    '{"phone":"+4915112345678","password":"a long password","__proto__":{"admin":true}}',
  ])('with a field that nobody knows is refused: %s', async (body) => {
    const answer = await app.request.post('/api/v1/auth/login').type('json').send(body).expect(400)
    expect(answer.body.code).toBe('validation_failed')
  })

  it('of 256 KB is read, a larger one is not', async () => {
    const ofLength = (length: number) => JSON.stringify({ phone: 'x'.repeat(length - '{"phone":""}'.length) })
    await register(ofLength(256 * 1024)).expect(400)
    const answer = await register(ofLength(256 * 1024 + 1)).expect(413)
    expect(answer.body.code).toBe('payload_too_large')
  })

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/json; charset=latin1',
  ])('of type %s is refused with 415', async (type) => {
    const answer = await register('{"phone":"+4915112345678"}', type).expect(415)
    expect(answer.body.code).toBe('unsupported_media_type')
  })

  it('of any JSON never ends in a fault of ours', async () => {
    const paths = ['/auth/register', '/auth/login', '/auth/refresh', '/conversations', `/conversations/${'0'.repeat(24)}/messages`]
    const known = fc.constantFrom('phone', 'password', 'name', 'device', 'refreshToken', 'type', 'userId', 'memberIds', 'clientId', 'text')
    const likely = fc.constantFrom<unknown>(
      'direct',
      'group',
      '+4915112345678',
      ann.id,
      [ann.id],
      'a long password',
      '\u0000',
      '\ud800',
      { $gt: '' },
      { name: '\u0000' },
    )
    const body = fc.oneof(fc.dictionary(known, fc.oneof(likely, fc.jsonValue())), fc.array(fc.jsonValue()))
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), body, async (path, content) => {
        const answer = await ann.post(path, content)
        expect(answer.status).toBeLessThan(500)
      }),
      { numRuns: 150 },
    )
  })
})

describe('what stands in a path or a query', () => {
  it.each(['abc', 'A'.repeat(24), `${'0'.repeat(24)}0`, '%24gt', '[object Object]'])('is refused where it is no id: %s', async (id) => {
    const answer = await ann.get(`/conversations/${id}`).expect(400)
    expect(answer.body.errors).toEqual([{ path: 'params.conversationId', message: 'not an id' }])
  })

  it('is refused where it cannot be decoded', async () => {
    const answer = await ann.get('/conversations/%zz').expect(400)
    expect(answer.body.code).toBe('validation_failed')
  })

  it.each([
    'limit=0',
    'limit=101',
    'limit=-1',
    'limit=ten',
    'limit=1.5',
    'limit=',
    'limit=1&limit=2',
    'limit[]=1',
    'limit[$gt]=1',
    'sort=name',
    '__proto__=1',
  ])('is refused where it is no page: %s', async (query) => {
    const answer = await ann.get(`/conversations?${query}`).expect(400)
    expect(answer.body.errors[0].path).toMatch(/^query/)
  })

  const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  it.each([
    '',
    'nonsense',
    'x'.repeat(501),
    cursorOf(null),
    cursorOf([]),
    cursorOf(['2020-01-01T00:00:00.000Z']),
    cursorOf(['yesterday', '0'.repeat(24)]),
    cursorOf([{ $gt: '' }, '0'.repeat(24)]),
    cursorOf(['2020-01-01T00:00:00.000Z', { $ne: 1 }]),
  ])('is refused where it is no cursor: %s', async (cursor) => {
    const answer = await ann.get(`/conversations?cursor=${cursor}`).expect(400)
    expect(answer.body.errors).toEqual([expect.objectContaining({ path: 'query.cursor' })])
  })
})
