import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aGroup, aPerson } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const origin = 'https://chat.example.com'
let app: TestApp
beforeAll(async () => {
  app = await startTestApp({ CORS_ORIGIN: `${origin},http://localhost:5173` })
})
afterAll(() => app.close())

const listed = (text: string | undefined): string[] => (text ?? '').split(',').map((name) => name.trim())

describe('every answer', () => {
  it.each(['/health/live', '/openapi.json', '/api/v1/users/me', '/nowhere'])('carries the security headers: %s', async (path) => {
    const { headers } = await app.request.get(path)
    expect(headers).toMatchObject({
      'content-security-policy': expect.stringContaining("default-src 'self'"),
      'strict-transport-security': expect.stringContaining('max-age='),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      'referrer-policy': 'no-referrer',
      'x-request-id': expect.any(String),
    })
    expect(headers).not.toHaveProperty('x-powered-by')
  })
})

describe('a browser', () => {
  it.each([origin, 'http://localhost:5173'])('at %s may read answers and the headers it needs', async (from) => {
    const { headers } = await app.request.get('/api/v1/users/me').set('Origin', from).expect(401)
    expect(headers['access-control-allow-origin']).toBe(from)
    expect(headers.vary).toContain('Origin')
    const exposed = listed(headers['access-control-expose-headers'])
    const needed = [
      'X-Request-Id',
      'RateLimit',
      'RateLimit-Policy',
      'X-RateLimit-Limit',
      'X-RateLimit-Remaining',
      'X-RateLimit-Reset',
      'Retry-After',
    ]
    expect(exposed.toSorted()).toEqual(needed.toSorted())
  })

  it('is told before it asks which headers it may send', async () => {
    const { headers } = await app.request
      .options('/api/v1/conversations')
      .set({ Origin: origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization' })
      .expect(204)
    const allowed = ['Authorization', 'Content-Type', 'Idempotency-Key', 'Last-Event-ID', 'X-QR-Verifier', 'X-CSRF-Token']
    expect(listed(headers['access-control-allow-headers']).toSorted()).toEqual(allowed.toSorted())
    expect(listed(headers['access-control-allow-methods'])).toEqual(expect.arrayContaining(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']))
  })

  it.each(['https://evil.example', `${origin}.evil.example`, 'http://chat.example.com', 'null'])('at %s may not', async (from) => {
    const plain = await app.request.get('/health/live').set('Origin', from)
    const preflight = await app.request.options('/api/v1/conversations').set({ Origin: from, 'Access-Control-Request-Method': 'POST' })
    expect([plain.headers, preflight.headers].map((headers) => headers['access-control-allow-origin'])).toEqual([undefined, undefined])
  })
})

describe('a large answer', () => {
  it('is compressed for who can read that', async () => {
    const owner = await aPerson(app)
    await Promise.all([1, 2, 3].map(() => aGroup(app, 3, owner)))
    const compressed = await owner.get('/conversations').set('Accept-Encoding', 'gzip').expect(200)
    const plain = await owner.get('/conversations').set('Accept-Encoding', 'identity').expect(200)
    expect([compressed, plain].map(({ headers }) => headers['content-encoding'])).toEqual(['gzip', undefined])
    expect(compressed.body).toEqual(plain.body)
  })
})
