import { describe, expect, inject, it, onTestFinished, vi } from 'vitest'
import { limitNames, limitRow } from '../src/http/limits-table.js'
import { type Asker, anAsker, limitedBy, repeat } from './support/limited.js'
import { startRedis } from './support/redis-server.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'
import { aDatabase, startTestApp } from './support/test-app.js'

const deadline = { timeout: 30_000, interval: 20 }
const guarding = limitNames.filter((name) => limitRow(name).guards)
const general = limitNames.filter((name) => !limitRow(name).guards)

/** Two workers of one server, each with its own way to Redis. */
const twoWorkers = async ({ redisUrl = inject('redisUrl'), rate = '10/d' } = {}) => {
  const limits = Object.fromEntries(limitNames.map((name) => [`LIMIT_${name.toUpperCase()}`, rate]))
  const environment = { ...limits, MONGO_URI: aDatabase() }
  const start = async () => {
    const proxy = await TcpProxy.open(targetOf(redisUrl))
    const app = await startTestApp({ ...environment, REDIS_URL: through(redisUrl, proxy) })
    onTestFinished(async () => {
      await app.close()
      await proxy.close()
    })
    return { app, proxy }
  }
  return { one: await start(), other: await start() }
}

/** How many more get through before the first is refused; `most` where none is. */
const left = async (ask: (asker: Asker) => PromiseLike<{ status: number }>, asker: Asker, most = 20): Promise<number> => {
  for (let n = 0; n < most; n++) if ((await ask(asker)).status === 429) return n
  return most
}

describe('a limit that guards a secret', () => {
  it.each(guarding)('is one for all workers at once: %s', async (name) => {
    const { one, other } = await twoWorkers()
    const [here, there, asker] = [limitedBy(one.app, name), limitedBy(other.app, name), anAsker()]
    expect(await repeat(6, () => here(asker))).toEqual([204, 204, 204, 204, 204, 204])
    expect(await left(there, asker)).toBe(4)
    expect((await here(asker)).status).toBe(429)
  })

  it('lets so many through and no more, of many at once', async () => {
    const { one, other } = await twoWorkers()
    const [here, there, asker] = [limitedBy(one.app, 'register'), limitedBy(other.app, 'register'), anAsker()]
    const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? here : there)(asker)))
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(10)
  })

  it('is counted by each worker while Redis is away, and by all again when it is back', async () => {
    const { one, other } = await twoWorkers()
    const [here, there, asker] = [limitedBy(one.app, 'login'), limitedBy(other.app, 'login'), anAsker()]
    await repeat(4, () => here(asker))
    one.proxy.cut()
    await vi.waitUntil(() => !one.app.context.redisReady(), deadline)
    expect(await left(here, asker)).toBe(6)
    one.proxy.restore()
    await vi.waitUntil(one.app.context.redisReady, deadline)
    expect((await here(asker)).status).toBe(429)
    expect(await left(there, asker)).toBe(6)
    const somebody = anAsker()
    await repeat(7, () => there(somebody))
    expect(await left(here, somebody)).toBe(3)
  })

  it('refuses still when Redis comes back empty', async () => {
    const first = await startRedis()
    const { one } = await twoWorkers({ redisUrl: `redis://127.0.0.1:${first.port}` })
    const [ask, asker] = [limitedBy(one.app, 'login'), anAsker()]
    await repeat(10, () => ask(asker))
    await first.admin.flushall()
    expect((await ask(asker)).status).toBe(429)
    await first.stop()
  })

  it('waits a moment, and no longer, for a Redis that stands still', async () => {
    const server = await startRedis()
    const { one } = await twoWorkers({ redisUrl: `redis://127.0.0.1:${server.port}` })
    const [ask, asker] = [limitedBy(one.app, 'login'), anAsker()]
    process.kill(server.pid, 'SIGSTOP')
    try {
      expect(await left(ask, asker)).toBe(10)
    } finally {
      process.kill(server.pid, 'SIGCONT')
      await server.stop()
    }
  })
})

describe('a general limit', () => {
  it.each(general)('is one for all workers within a second or so: %s', async (name) => {
    const { one, other } = await twoWorkers({ rate: '100/d' })
    const [here, there, asker] = [limitedBy(one.app, name), limitedBy(other.app, name), anAsker()]
    await repeat(60, () => here(asker))
    const before = performance.now()
    let own = 0
    const remaining = async (): Promise<number> => {
      own += 1
      return Number((await there(asker)).headers['x-ratelimit-remaining'])
    }
    await expect.poll(async () => (await remaining()) === 100 - 60 - own, { timeout: 18_000, interval: 500 }).toBe(true)
    console.info(`${name}: the other worker knew after ${Math.round(performance.now() - before)} ms`)
    expect(await left(there, asker, 100)).toBe(40 - own)
    await expect.poll(async () => (await here(asker)).status, deadline).toBe(429)
  })

  it('is counted by each worker while Redis is away; what was counted is told when it is back', async () => {
    const { one, other } = await twoWorkers()
    const [here, there, asker] = [limitedBy(one.app, 'api'), limitedBy(other.app, 'api'), anAsker()]
    one.proxy.cut()
    await vi.waitUntil(() => !one.app.context.redisReady(), deadline)
    expect(await left(here, asker)).toBe(10)
    expect((await there(asker)).status).toBe(204)
    one.proxy.restore()
    await vi.waitUntil(one.app.context.redisReady, deadline)
    await expect.poll(async () => (await there(asker)).status, { timeout: 30_000, interval: 500 }).toBe(429)
  })

  it('asks nothing of Redis when a request comes', async () => {
    const server = await startRedis()
    const { one } = await twoWorkers({ redisUrl: `redis://127.0.0.1:${server.port}` })
    const [ask, asker] = [limitedBy(one.app, 'api'), anAsker()]
    process.kill(server.pid, 'SIGSTOP')
    try {
      expect(await left(ask, asker)).toBe(10)
    } finally {
      process.kill(server.pid, 'SIGCONT')
      await server.stop()
    }
  })
})
