import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let proxied: TestApp
let open: TestApp
beforeAll(async () => {
  const environment = { ALLOWED_HOSTS: 'chat.example.com,*.chat.example.org,localhost:8443', CORS_ORIGIN: 'https://web.example.com' }
  app = await startTestApp(environment)
  proxied = await startTestApp({ ...environment, TRUST_PROXY: '1' })
  open = await startTestApp()
})
afterAll(async () => {
  await app.close()
  await proxied.close()
  await open.close()
})

const ask = (host: string, path = '/api/v1/users/me') => app.request.get(path).set('Host', host)

describe('ALLOWED_HOSTS', () => {
  it.each([
    'chat.example.com',
    'CHAT.example.COM',
    'chat.example.com:8080',
    'chat.example.com.',
    'a.chat.example.org',
    'a.b.chat.example.org:443',
    'localhost:8443',
  ])('serves %s', async (host) => {
    await ask(host).expect(401)
  })

  it.each([
    'evil.example',
    'chat.example.com.evil.example',
    'evilchat.example.com',
    'chat.example.org',
    'xchat.example.org',
    'localhost',
    'localhost:8080',
    '127.0.0.1',
    'chat.example.com:80:80',
    'chat.example.com@evil.example',
  ])('refuses %s', async (host) => {
    const answer = await ask(host).expect(421)
    expect(answer.headers['content-type']).toContain('application/problem+json')
    expect(answer.body).toMatchObject({ code: 'misdirected_request', status: 421 })
  })

  it.each(['/openapi.json', '/docs', '/sse', '/nowhere', '/healthy', '/metrics/x'])('is held at %s', async (path) => {
    await ask('evil.example', path).expect(421)
  })

  it.each(['/health', '/health/live', '/health/ready', '/ready'])('lets a probe by address ask %s', async (path) => {
    await ask('10.0.0.7:3000', path).expect(200)
  })

  it('believes X-Forwarded-Host from a trusted proxy alone', async () => {
    const forwarded = { Host: 'evil.example', 'X-Forwarded-Host': 'chat.example.com' }
    await app.request.get('/api/v1/users/me').set(forwarded).expect(421)
    await proxied.request.get('/api/v1/users/me').set(forwarded).expect(401)
    await proxied.request.get('/api/v1/users/me').set({ Host: 'chat.example.com', 'X-Forwarded-Host': 'evil.example' }).expect(421)
  })

  it('serves any host where it is empty', async () => {
    await open.request.get('/api/v1/users/me').set('Host', 'anything.example').expect(401)
  })

  it('can be read by a page that asked the wrong host', async () => {
    const { headers } = await ask('evil.example').set('Origin', 'https://web.example.com').expect(421)
    expect(headers['access-control-allow-origin']).toBe('https://web.example.com')
  })
})
