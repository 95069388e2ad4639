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
  it.each(['/health/live', '/openapi.json', '/api/v1/users/me', '/nowhere'])('carries the headers of an API: %s', async (path) => {
    const { headers } = await app.request.get(path)
    expect(headers).toMatchObject({
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'permissions-policy': expect.stringMatching(/camera=\(\).*microphone=\(\)/),
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
      'x-request-id': expect.any(String),
    })
    expect(headers).not.toHaveProperty('x-powered-by')
    expect(headers).not.toHaveProperty('strict-transport-security')
  })

  it('of a stream carries them too', async () => {
    const person = await aPerson(app)
    const abort = new AbortController()
    const { headers } = await fetch(`${app.url}/sse`, { headers: { authorization: `Bearer ${person.accessToken}` }, signal: abort.signal })
    abort.abort()
    expect([headers.get('content-security-policy'), headers.get('cache-control'), headers.get('x-content-type-options')]).toEqual([
      "default-src 'none';frame-ancestors 'none'",
      'no-store',
      'nosniff',
    ])
  })

  it('of a page has a policy of its own, that lets nobody frame it', async () => {
    const { headers } = await app.request.get('/docs').expect(200)
    expect(headers['content-security-policy']).toContain("script-src 'unsafe-inline' https://cdn.jsdelivr.net;")
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
  })
})

describe('Strict-Transport-Security', () => {
  const year = 'max-age=31536000; includeSubDomains'
  const sentBy = async (environment: Record<string, string>, forwarded?: string) => {
    const other = await startTestApp(environment)
    const asked = other.request.get('/health/live')
    if (forwarded !== undefined) asked.set('X-Forwarded-Proto', forwarded)
    const { headers } = await asked
    await other.close()
    return headers['strict-transport-security']
  }

  it('is sent where clients come by TLS', async () => {
    expect(await sentBy({ API_URL: 'https://chat.example.com' })).toBe(year)
    expect(await sentBy({ TRUST_PROXY: '1' }, 'https')).toBe(year)
  })

  it('is not sent where they do not, or only say so', async () => {
    expect(await sentBy({ TRUST_PROXY: '1' }, 'http')).toBeUndefined()
    expect(await sentBy({}, 'https')).toBeUndefined()
  })
})

describe('a browser', () => {
  it.each([origin, 'http://localhost:5173'])('at %s may read answers and the headers it needs', async (from) => {
    const { headers } = await app.request.get('/api/v1/users/me').set('Origin', from).expect(401)
    expect(headers['access-control-allow-origin']).toBe(from)
    expect(headers['access-control-allow-credentials']).toBe('true')
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
      'ETag',
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
    expect(listed(headers['access-control-allow-methods']).toSorted()).toEqual(['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'])
    expect(headers['access-control-max-age']).toBe('600')
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
