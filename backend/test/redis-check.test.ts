import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { versionWarning } from '../src/platform/redis-check.js'
import { type RedisServer, startRedis } from './support/redis-server.js'
import { publishIsReceived, startClients, until } from './support/redis-server-clients.js'

let server: RedisServer
let url: string
beforeAll(async () => {
  server = await startRedis()
  url = `redis://127.0.0.1:${server.port}`
})
afterAll(() => server?.stop())
beforeEach(() => server.admin.config('SET', 'maxmemory-policy', 'noeviction'))

const level = (name: 'fatal' | 'warn') => `"level":${{ fatal: 60, warn: 40 }[name]}`
const refusals = (logs: readonly string[]) => logs.filter((line) => line.includes(level('fatal')))
const killConnections = () => server.admin.client('KILL', 'TYPE', 'NORMAL', 'SKIPME', 'yes')

describe('a Redis that may evict', () => {
  it('is refused, with what to set, at every connection until it is set', async () => {
    await server.admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
    const { clients, logs } = startClients({ REDIS_URL: url })
    await until(() => clients.refusal)
    expect(clients.refusal).toMatch(/allkeys-lru.+noeviction/)
    expect(clients.ready).toBe(false)
    await expect(clients.ping()).rejects.toThrow('noeviction')
    expect(refusals(logs)).toHaveLength(1)

    await killConnections()
    await until(() => refusals(logs).length === 2)
    expect(clients.ready).toBe(false)

    await server.admin.config('SET', 'maxmemory-policy', 'noeviction')
    await until(() => clients.ready) // without a new connection, by the next beat
    expect(clients.refusal).toBeUndefined()
    await publishIsReceived(clients)
  })

  it('is refused when it turns into one while the connection is away', async () => {
    const { clients } = startClients({ REDIS_URL: url })
    await until(() => clients.ready)
    await clients.subscriber.subscribe('news') // which keeps this connection from being killed
    await server.admin.config('SET', 'maxmemory-policy', 'volatile-ttl')
    const atReady: boolean[] = []
    clients.commands.on('ready', () => atReady.push(clients.ready))
    await killConnections()
    await until(() => clients.refusal)
    expect([...atReady, clients.ready, clients.subscriber.status]).toEqual([false, false, 'ready'])
  })
})

describe('a Redis whose CONFIG is forbidden', () => {
  beforeAll(() => server.admin.acl('SETUSER', 'guest', 'on', '>guest', '~*', '&*', '+@all', '-config'))
  const guest = () => ({ REDIS_URL: url, REDIS_USERNAME: 'guest', REDIS_PASSWORD: 'guest' })

  it('is checked by INFO', async () => {
    const { clients } = startClients(guest())
    await until(() => clients.ready)
    await expect(clients.commands.config('GET', 'maxmemory-policy')).rejects.toThrow('NOPERM')
  })

  it('is refused by INFO', async () => {
    await server.admin.config('SET', 'maxmemory-policy', 'allkeys-lfu')
    const { clients } = startClients(guest())
    await until(() => clients.refusal)
    expect(clients.refusal).toContain('allkeys-lfu')
  })
})

describe('the version', () => {
  it.each([
    ['redis', '6.2.20', false],
    ['redis', '7.0.15', false],
    ['redis', '7.2.7', false],
    ['redis', '7.2.10', false],
    ['redis', '7.2.11', true],
    ['redis', '7.4.5', false],
    ['redis', '7.4.6', true],
    ['redis', '8.0.3', false],
    ['redis', '8.0.4', true],
    ['redis', '8.1.9', false],
    ['redis', '8.2.1', false],
    ['redis', '8.2.2', true],
    ['redis', '8.4.0', true],
    ['redis', '10.1.0', true],
    ['valkey', '7.2.10', false],
    ['valkey', '7.2.11', true],
    ['valkey', '8.0.5', false],
    ['valkey', '8.0.6', true],
    ['valkey', '8.1.3', false],
    ['valkey', '8.1.4', true],
    ['valkey', '9.0.0', true],
  ])('of %s %s: good is %s', (product, version, good) => {
    const info = new Map([
      ['redis_version', product === 'redis' ? version : '7.2.4'],
      ...(product === 'valkey' ? [['valkey_version', version] as const] : []),
    ])
    expect(versionWarning(info) === undefined).toBe(good)
  })

  it('is warned of once, however often the connection is made', async () => {
    const [, version = ''] = /redis_version:(\S+)/.exec(await server.admin.info('server')) ?? []
    const { clients, logs } = startClients({ REDIS_URL: url })
    await until(() => clients.ready)
    await killConnections()
    await until(() => logs.filter((line) => line.includes('Redis: ready')).length >= 3 && clients.ready)
    const warnings = logs.filter((line) => line.includes('CVE-2025-49844'))
    expect(warnings).toHaveLength(versionWarning(new Map([['redis_version', version]])) === undefined ? 0 : 1)
  })
})
