import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startHttpReceiver } from './support/http-receiver.js'
import { type Nginx, startNginx } from './support/nginx.js'
import { ask } from './support/nginx-client.js'

const outside = '203.0.113.9'
const text = 'x'.repeat(5000)
let worker: Awaited<ReturnType<typeof startHttpReceiver>> // keeps what it is asked
let nginx: Nginx
beforeAll(async () => {
  worker = await startHttpReceiver((response) => response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ text })))
  nginx = await startNginx(Number(new URL(worker.url).port))
})
afterAll(async () => {
  await nginx.stop()
  await worker.close()
})

const get = (path: string, headers: Record<string, string> = {}) => ask('HTTP/2', nginx, path, { headers })
const lastHeaders = () => worker.requests.at(-1)?.headers ?? {}

describe('a worker behind nginx', () => {
  it('is told its client’s address and no other, how it came, and for which host', async () => {
    await get('/api/v1/config', { 'x-forwarded-for': `6.6.6.6, ${outside}, 10.1.2.3`, 'x-forwarded-proto': 'http' })
    const { host } = new URL(nginx.https)
    expect(lastHeaders()).toMatchObject({ 'x-forwarded-for': outside, 'x-forwarded-proto': 'https', host })
    await get('/api/v1/config')
    expect(lastHeaders()['x-forwarded-for']).toBe('127.0.0.1')
  })

  it('hears nothing of what a client says about proxies itself', async () => {
    const forged = { forwarded: 'for=6.6.6.6;host=evil.example', 'x-forwarded-host': 'evil.example', 'x-real-ip': '6.6.6.6' }
    await get('/api/v1/config', forged)
    expect(JSON.stringify(lastHeaders())).not.toMatch(/6\.6\.6\.6|evil/)
  })

  it('is told the id of the request: the client’s where that can be used', async () => {
    await get('/api/v1/config', { 'x-request-id': 'from-the-client.1' })
    expect(lastHeaders()['x-request-id']).toBe('from-the-client.1')
    await get('/api/v1/config', { 'x-request-id': '"},{"evil":"' })
    expect(lastHeaders()['x-request-id']).toMatch(/^[0-9a-f]{32}$/)
  })

  it('leaves compressing to nginx, and nobody compresses what holds tokens', async () => {
    const encodingOf = async (path: string) => (await get(path, { 'accept-encoding': 'gzip, br' })).valueOf('content-encoding')
    expect(await encodingOf('/api/v1/conversations')).toBe('gzip')
    for (const path of ['/api/v1/auth/refresh', '/api/v1/auth/login', '/sse'])
      expect([path, await encodingOf(path)]).toEqual([path, undefined])
    expect(worker.requests.filter(({ headers }) => headers['accept-encoding'] !== undefined)).toEqual([])
  })

  it('shows its metrics to private networks alone', async () => {
    const statusFrom = async (address: string) => (await get('/metrics', { 'x-forwarded-for': address })).status
    for (const address of ['10.1.2.3', '172.20.0.4', '192.168.1.1', 'fd00::1', '127.0.0.1'])
      expect([address, await statusFrom(address)]).toEqual([address, 200])
    for (const address of [outside, '172.32.0.1', '2001:db8::1']) expect([address, await statusFrom(address)]).toEqual([address, 404])
  })
})

describe('the log of nginx', () => {
  const logged = (file: string) => readFileSync(join(nginx.folder, 'logs', file), 'utf8')

  it('has a line of JSON for each request, by the id that the worker logs', async () => {
    await get('/api/v1/users/me', { 'x-request-id': 'find-me', 'user-agent': 'a "quoted" \\ agent', 'x-forwarded-for': outside })
    await expect.poll(() => logged('access.log')).toContain('find-me')
    const line = logged('access.log')
      .split('\n')
      .find((each) => each.includes('find-me'))
    expect(JSON.parse(line ?? '')).toMatchObject({
      requestId: 'find-me',
      ip: outside,
      method: 'GET',
      path: '/api/v1/users/me',
      status: 200,
      protocol: 'HTTP/2.0',
      workerStatus: '200',
      userAgent: 'a "quoted" \\ agent',
    })
  })

  it('holds no ticket, no signature and no code of an invite, whatever goes wrong', async () => {
    const lost = await startNginx(1) // where nobody listens
    const secrets = [
      '/sse?ticket=secret-1',
      '/api/v1/uploads/local/x?signature=secret-2',
      '/api/v1/invites/secret-3/accept',
      '/api/v1/invites/secret-4',
    ]
    for (const path of secrets) {
      const headers = { 'x-request-id': 'the-end' }
      expect([(await ask('HTTP/2', nginx, path, { headers })).status, (await ask('HTTP/2', lost, path, { headers })).status]).toEqual([
        200, 502,
      ])
    }
    for (const { folder } of [nginx, lost]) {
      const logs = () => ['logs/access.log', 'logs/error.log', 'log'].map((file) => readFileSync(join(folder, file), 'utf8')).join('\n')
      await expect.poll(() => logs().split('the-end')).toHaveLength(secrets.length + 1)
      expect(logs()).not.toContain('secret-')
      expect(logs()).toContain('"path":"/api/v1/invites/…/accept"')
    }
    await lost.stop()
  })
})
