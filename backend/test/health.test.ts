import { afterEach, describe, expect, it } from 'vitest'
import { aDirectConversation } from './support/people.js'
import { aBucket } from './support/s3.js'
import { TcpProxy, targetOf } from './support/tcp-proxy.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const nobody = '127.0.0.1:1'
let app: TestApp | undefined
afterEach(() => app?.close())

const started = async (...parameters: Parameters<typeof startTestApp>): Promise<TestApp> => {
  app = await startTestApp(...parameters)
  return app
}
const statusesOf = ({ request }: TestApp) =>
  Promise.all(['/health', '/health/live', '/health/ready', '/ready'].map(async (path) => (await request.get(path)).status))

const healthy = { status: 'healthy', responseTime: expect.any(Number) }
const unhealthy = { status: 'unhealthy', responseTime: null }

describe('health', () => {
  it('is healthy with MongoDB, Redis and a folder for uploads', async () => {
    const running = await started({ APP_VERSION: '7.8.9' })
    const { body } = await running.request.get('/health').expect(200)
    expect(body).toEqual({
      status: 'healthy',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.+Z$/),
      uptime: expect.any(Number),
      version: '7.8.9',
      worker: '0',
      checks: { database: healthy, redis: healthy, storage: healthy },
    })
    expect(Math.abs(Date.parse(body.timestamp) - Date.now())).toBeLessThan(10_000)
    expect(await statusesOf(running)).toEqual([200, 200, 200, 200])
    expect((await running.request.get('/health/live')).body).toEqual({ status: 'live' })
    expect((await running.request.get('/ready')).body).toEqual({ status: 'ready' })
  })

  it('is healthy where no Redis is asked for', async () => {
    const { request } = await started({ REDIS_URL: '' })
    const { body } = await request.get('/health').expect(200)
    expect(body).toMatchObject({ status: 'healthy', checks: { redis: { status: 'absent', responseTime: null } } })
  })

  it('is degraded without Redis, and people still talk', async () => {
    const running = await started({ REDIS_URL: `redis://${nobody}` }, { waitForRedis: false })
    const { body } = await running.request.get('/health').expect(200)
    expect(body).toMatchObject({ status: 'degraded', checks: { database: healthy, redis: unhealthy } })
    expect(await statusesOf(running)).toEqual([200, 200, 200, 200])
    const { ann, conversation } = await aDirectConversation(running)
    await ann.send(conversation.id, {}).expect(201)
  })

  it('is healthy with S3, and degraded without', async () => {
    const bucket = await aBucket()
    const proxy = await TcpProxy.open(targetOf(bucket.settings.endpoint ?? ''))
    const { request } = await started(bucket.through(proxy).environment)
    const { body } = await request.get('/health').expect(200)
    expect(body).toMatchObject({ status: 'healthy', checks: { storage: healthy } })
    proxy.cut()
    const without = await request.get('/health').expect(200)
    expect(without.body).toMatchObject({ status: 'degraded', checks: { database: healthy, redis: healthy, storage: unhealthy } })
    await proxy.close()
    await bucket.remove()
  })

  it('is unhealthy without MongoDB: alive, not ready, and nothing is served', async () => {
    const running = await started({ MONGO_URI: `mongodb://${nobody}`, MONGO_SELECTION_TIMEOUT_MS: '100' }, { waitForDatabase: false })
    const { body } = await running.request.get('/health').expect(503)
    expect(body).toMatchObject({ status: 'unhealthy', checks: { database: unhealthy } })
    expect(await statusesOf(running)).toEqual([503, 200, 503, 503])
    for (const path of ['/health', '/health/ready', '/ready'])
      expect((await running.request.get(path).expect(503)).headers['retry-after']).toMatch(/^[1-9]\d*$/)
    expect((await running.request.get('/ready')).body).toEqual({ status: 'starting' })
    const refused = await running.request.post('/api/v1/auth/login').send({ phone: '+4915112345678', password: 'x' }).expect(503)
    expect(refused.body.code).toBe('service_unavailable')
    expect(refused.headers['retry-after']).toMatch(/^[1-9]\d*$/)
  })

  it('is not ready once the worker drains', async () => {
    const running = await started()
    running.context.hub.drain()
    expect((await running.request.get('/health/ready').expect(503)).body).toEqual({ status: 'draining' })
    expect(await statusesOf(running)).toEqual([200, 200, 503, 503])
  })
})
