import { get } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '../src/config.js'
import { MetricsServer } from '../src/features/metrics/index.js'
import { aDirectConversation, aPerson, type Person } from './support/people.js'
import { Scrape } from './support/scrape.js'
import { SseClient } from './support/sse-client.js'
import { startTestApp, type TestApp } from './support/test-app.js'

let app: TestApp
let ann: Person
beforeAll(async () => {
  app = await startTestApp({ TRUST_PROXY: 'loopback', LIMIT_INVITES: '1/h' })
  ann = await aPerson(app)
})
afterAll(() => app.close())

const route = (path: string, status = '200', method = 'GET') => ({ method, route: path, status_code: status })

describe('GET /metrics', () => {
  it('counts what is answered, and how long it took, by the declared route', async () => {
    const { conversation } = await aDirectConversation(app)
    await ann.get(`/conversations/${conversation.id}`).expect(404)
    await ann.get('/users/me').expect(200)
    const scrape = await Scrape.of(app.url)
    for (const labels of [route('/api/v1/conversations/:conversationId', '404'), route('/api/v1/users/me')]) {
      expect(scrape.value('http_requests_total', labels)).toBe(1)
      expect(scrape.value('http_request_duration_seconds_count', labels)).toBe(1)
    }
    expect(scrape.text).not.toContain(conversation.id)
  })

  it('has no more routes and methods than are declared, whatever is asked for', async () => {
    for (const path of ['/wp-admin.php', '/api/v1/nothing', '/api/v1/users/me/../x', '/%ff']) await app.request.get(path)
    await app.request.propfind('/api/v1/users/me')
    const scrape = await Scrape.of(app.url)
    expect(scrape.value('http_requests_total', route('other', '404'))).toBeGreaterThan(0)
    expect(scrape.value('http_requests_total', route('other', '404', 'other'))).toBe(1)
    const declared = [...scrape.labels('http_requests_total', 'route')]
    expect(declared.filter((label) => label !== 'other' && !/^\/(sse|api\/v1\/[a-zA-Z/:-]+)$/.test(label))).toEqual([])
  })

  it('counts an event stream when it has ended, and not how long it was open', async () => {
    const stream = await SseClient.open(`${app.url}/sse`, { headers: { authorization: `Bearer ${ann.accessToken}` } })
    await stream.waitFor(({ event }) => event === 'resume', 10_000)
    expect((await Scrape.of(app.url)).value('http_requests_total', route('/sse'))).toBeUndefined()
    await stream.close()
    await expect.poll(async () => (await Scrape.of(app.url)).value('http_requests_total', route('/sse'))).toBe(1)
    expect((await Scrape.of(app.url)).value('http_request_duration_seconds_count', route('/sse'))).toBeUndefined()
  })

  it('counts who goes before the answer as 499', async () => {
    const body = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{')) })
    const gone = new AbortController()
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${ann.accessToken}` }
    const asking = fetch(`${app.url}/api/v1/users/me`, { method: 'PATCH', headers, body, duplex: 'half', signal: gone.signal })
    asking.catch(() => undefined)
    setTimeout(() => gone.abort(), 300)
    await expect
      .poll(async () => (await Scrape.of(app.url)).value('http_requests_total', route('/api/v1/users/me', '499', 'PATCH')))
      .toBe(1)
  })

  it('counts what limits refuse, by the row of the limits table', async () => {
    const before = await Scrape.of(app.url)
    expect(before.value('rate_limit_violations_total', { limit: 'invites' })).toBe(0)
    for (const expected of [404, 429]) await ann.post('/invites/AAAAAAAAAAAAAAAAAAAAAA/accept', {}).expect(expected)
    expect((await Scrape.of(app.url)).value('rate_limit_violations_total', { limit: 'invites' })).toBe(1)
  })

  it('tells how long commands to the database take, and what its pool does', async () => {
    const scrape = await Scrape.of(app.url)
    expect(scrape.value('db_command_duration_seconds_count', { command: 'find', outcome: 'succeeded' })).toBeGreaterThan(0)
    expect(scrape.value('db_pool_connections', { state: 'open' })).toBeGreaterThan(0)
    expect(scrape.value('db_pool_connections', { state: 'waiting' })).toBe(0)
  })

  it('tells what the process uses', async () => {
    const scrape = await Scrape.of(app.url)
    expect(scrape.value('process_resident_memory_bytes')).toBeLessThan(scrape.value('process_memory_limit_bytes') ?? 0)
    for (const name of ['process_cpu_seconds_total', 'nodejs_eventloop_lag_p99_seconds']) expect(scrape.value(name)).toBeDefined()
  })
})

describe('who may ask for metrics', () => {
  const asking = (headers: Record<string, string>) => app.request.get('/metrics').set(headers)

  it('is who asks from a private network, by the address that a trusted proxy names', async () => {
    await asking({ 'X-Forwarded-For': '10.1.2.3' }).expect(200)
    await asking({ 'X-Forwarded-For': 'fd00::1' }).expect(200)
    await asking({ 'X-Forwarded-For': '203.0.113.7' }).expect(404)
    await asking({ 'X-Forwarded-For': '10.1.2.3, 203.0.113.7' }).expect(404) // the client made the first one up
    await asking({ 'X-Forwarded-For': '2001:db8::1' }).expect(404)
  })

  it('is nobody who comes through a proxy that is not trusted', async () => {
    const direct = await startTestApp()
    await direct.request.get('/metrics').expect(200)
    for (const header of ['X-Forwarded-For', 'Forwarded', 'X-Real-IP'])
      await direct.request.get('/metrics').set(header, '10.0.0.1').expect(404)
    await direct.close()
  })

  it('has to ask the worker’s own port where it has one', async () => {
    const worker = await startTestApp({ METRICS_PORT: '0' })
    const metrics = new MetricsServer(worker.context)
    const port = await metrics.listen(0, '127.0.0.1')
    await worker.request.get('/metrics').expect(404)
    const scrape = await Scrape.of(`http://127.0.0.1:${port}`)
    expect(scrape.value('http_requests_total', route('other', '404'))).toBeUndefined() // what probes ask is not counted
    expect(scrape.value('db_pool_connections', { state: 'open' })).toBeGreaterThan(0)
    const statusOf = async (path: string, headers: Record<string, string> = {}) =>
      new Promise((resolve) => get({ port, path, headers }, ({ statusCode }) => resolve(statusCode)))
    expect(await statusOf('/')).toBe(404)
    expect(await statusOf('/metrics', { 'X-Forwarded-For': '10.0.0.1' })).toBe(404)
    await metrics.close()
    await worker.close()
  })
})

describe('the port for metrics', () => {
  const environment = { JWT_SECRET: 'Zq0v'.repeat(12), REDIS_URL: 'redis://127.0.0.1' }
  const metricsOf = (more: Record<string, string>, clustered: boolean) => readConfig({ ...environment, ...more }, { clustered }).metrics

  it('is METRICS_PORT plus the number of the worker', () => {
    expect(metricsOf({ METRICS_PORT: '9464', NODE_APP_INSTANCE: '3' }, true)).toMatchObject({
      port: 9467,
      host: '127.0.0.1',
      beside: false,
    })
    expect(metricsOf({ METRICS_PORT: '9464', METRICS_HOST: '10.0.0.5' }, false)).toMatchObject({
      port: 9464,
      host: '10.0.0.5',
      beside: false,
    })
  })

  it('is that of everything else for a worker that is alone; of several nobody answers there', () => {
    expect(metricsOf({}, false)).toMatchObject({ port: undefined, beside: true })
    expect(metricsOf({}, true)).toMatchObject({ port: undefined, beside: false })
  })
})
