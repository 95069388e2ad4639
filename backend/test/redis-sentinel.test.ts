import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { temporaryFolder } from '../../dev/services/temporary-folder.js'
import type { RedisClients } from '../src/platform/redis.js'
import { type RedisServer, startRedis } from './support/redis-server.js'
import { aCertificate, anAuthority } from './support/redis-server-certificates.js'
import { publishIsReceived, startClients, until } from './support/redis-server-clients.js'

const password = 'a-password-of-servers'
const sentinelPassword = 'a-password-of-sentinels'
const name = 'chat'
const started: RedisServer[] = []
afterAll(() => Promise.all(started.map((server) => server.stop())))

const aServer = async (...parameters: Parameters<typeof startRedis>): Promise<RedisServer> => {
  const server = await startRedis(...parameters)
  started.push(server)
  return server
}

const runIdOf = async (info: Promise<string>) => /run_id:(\w+)/.exec(await info)?.[1]

describe('Redis under Sentinel', () => {
  let master: RedisServer
  let replica: RedisServer
  let sentinel: RedisServer
  beforeAll(async () => {
    master = await aServer({ password })
    const following = ['--replicaof', '127.0.0.1', String(master.port), '--masterauth', password, '--repl-diskless-sync-delay', '0']
    replica = await aServer({ password, settings: following })
    await until(async () => (await replica.admin.info('replication')).includes('master_link_status:up'))
    sentinel = await aServer({
      password: sentinelPassword,
      sentinel: [
        `requirepass ${sentinelPassword}`,
        `sentinel monitor ${name} 127.0.0.1 ${master.port} 1`,
        `sentinel auth-pass ${name} ${password}`,
        `sentinel down-after-milliseconds ${name} 500`,
        `sentinel failover-timeout ${name} 5000`,
      ],
    })
    await until(async () => JSON.stringify(await sentinel.admin.call('SENTINEL', 'REPLICAS', name)).includes(`"${replica.port}"`))
  })

  const variables = () => ({
    REDIS_SENTINELS: `127.0.0.1:${sentinel.port}`,
    REDIS_SENTINEL_NAME: name,
    REDIS_SENTINEL_PASSWORD: sentinelPassword,
    REDIS_PASSWORD: password,
  })

  it('brings both connections to the new master when the old one is killed', async () => {
    const { clients, logs } = startClients(variables())
    await until(() => clients.ready)
    await publishIsReceived(clients)
    const cut = new Promise((resolve) => clients.subscriber.once('close', resolve))

    const before = performance.now()
    process.kill(master.pid, 'SIGKILL')
    await cut
    await until(async () => clients.ready && (await runIdOf(clients.commands.info('server'))) !== undefined)
    console.log(`a killed master is replaced in ${Math.round(performance.now() - before)} ms`)

    expect(await runIdOf(clients.commands.info('server'))).toBe(await runIdOf(replica.admin.info('server')))
    expect(await clients.commands.set('key', 'value')).toBe('OK')
    await publishIsReceived(clients)
    expect(logs.filter((line) => line.includes('connection error')).length).toBeLessThan(100)
  })
})

describe('Redis under Sentinel with TLS', () => {
  const folder = temporaryFolder()
  afterAll(() => folder.remove())

  it('is reached with the CA that signed for both, and only with it', async () => {
    const [authority, other] = [await anAuthority(folder.path, 'ours'), await anAuthority(folder.path, 'other')]
    const { certificate, key } = await aCertificate(folder.path, authority, 'IP:127.0.0.1')
    const [masterPort, sentinelPort] = [await freePort(), await freePort()]
    const tls = (port: number) => [
      ['tls-port', String(port)],
      ['tls-cert-file', certificate],
      ['tls-key-file', key],
      ['tls-ca-cert-file', authority.certificate],
      ['tls-auth-clients', 'no'],
    ]
    await aServer({ settings: tls(masterPort).flatMap(([setting = '', value = '']) => [`--${setting}`, value]) })
    const lines = [...tls(sentinelPort), ['tls-replication', 'yes']].map((words) => words.join(' '))
    await aServer({ sentinel: [...lines, `sentinel monitor ${name} 127.0.0.1 ${masterPort} 1`] })

    const variables = { REDIS_SENTINELS: `127.0.0.1:${sentinelPort}`, REDIS_SENTINEL_NAME: name }
    const { clients } = startClients({ ...variables, REDIS_CA_FILE: authority.certificate })
    await until(() => clients.ready)
    await publishIsReceived(clients)

    const stranger = startClients({ ...variables, REDIS_CA_FILE: other.certificate })
    await until(() => stranger.logs.filter((line) => line.includes('All sentinels are unreachable')).length >= 4)
    expect(stranger.clients.ready).toBe(false)
  })
})

describe('a Redis that has become a replica', () => {
  it.each([
    ['a command', (clients: RedisClients) => clients.commands.set('key', 'value')],
    ['a script', (clients: RedisClients) => clients.commands.eval("return redis.call('SET', KEYS[1], 'value')", 1, 'key')],
  ])('makes the command connection come again when %s wants to write', async (_name, write) => {
    const server = await aServer()
    const { clients } = startClients({ REDIS_URL: `redis://127.0.0.1:${server.port}` })
    await until(() => clients.ready)
    await server.admin.replicaof('127.0.0.1', '1')
    const closed = vi.fn()
    clients.commands.on('close', closed)
    await expect(write(clients)).rejects.toThrow('READONLY')
    await until(() => closed.mock.calls.length === 1)
    await server.admin.replicaof('NO', 'ONE')
    await until(() => clients.ready)
    await write(clients)
    expect(closed).toHaveBeenCalledOnce()
  })
})
