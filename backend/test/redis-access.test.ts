import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { temporaryFolder } from '../../dev/services/temporary-folder.js'
import { faultsOf } from './support/configuration.js'
import { type RedisServer, startRedis } from './support/redis-server.js'
import { type Authority, aCertificate, anAuthority } from './support/redis-server-certificates.js'
import { publishIsReceived, startClients, until } from './support/redis-server-clients.js'

const password = 'pass/word:@%1'
const encoded = encodeURIComponent(password)

describe('a Redis that asks who one is', () => {
  let server: RedisServer
  let address: string
  beforeAll(async () => {
    server = await startRedis()
    address = `127.0.0.1:${server.port}`
    await server.admin.acl('SETUSER', 'chat', 'on', `>${password}`, '~*', '&*', '+@all')
    await server.admin.config('SET', 'requirepass', password)
  })
  afterAll(() => server?.stop())

  it.each([
    ['a password in the URL', 'default', () => ({ REDIS_URL: `redis://:${encoded}@${address}` })],
    ['a password beside the URL', 'default', () => ({ REDIS_URL: `redis://${address}/3`, REDIS_PASSWORD: password })],
    ['a user in the URL', 'chat', () => ({ REDIS_URL: `redis://chat:${encoded}@${address}` })],
    ['a user in the URL and a password beside it', 'chat', () => ({ REDIS_URL: `redis://chat@${address}`, REDIS_PASSWORD: password })],
    ['both beside the URL', 'chat', () => ({ REDIS_URL: `redis://${address}`, REDIS_USERNAME: 'chat', REDIS_PASSWORD: password })],
  ])('is reached with %s', async (_name, user, variables) => {
    const { clients } = startClients(variables())
    await until(() => clients.ready)
    await publishIsReceived(clients)
    expect(await clients.ping()).toBeGreaterThan(0)
    expect(await clients.commands.acl('WHOAMI')).toBe(user)
  })

  it('is not reached with a wrong password, which no log line repeats', async () => {
    const { clients, logs } = startClients({ REDIS_URL: `redis://${address}`, REDIS_PASSWORD: 'hunter2-not-it' })
    await until(() => logs.filter((line) => line.includes('WRONGPASS')).length >= 4) // it goes on trying
    expect(clients.ready).toBe(false)
    await expect(clients.ping()).rejects.toThrow()
    expect(logs.join('\n')).not.toContain('hunter2')
  })
})

describe('a Redis with TLS', () => {
  const folder = temporaryFolder()
  let authority: Authority
  let other: Authority
  let server: RedisServer
  let tlsPort: number
  beforeAll(async () => {
    authority = await anAuthority(folder.path, 'ours')
    other = await anAuthority(folder.path, 'other')
    const { certificate, key } = await aCertificate(folder.path, authority, 'IP:127.0.0.1')
    tlsPort = await freePort()
    const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', authority.certificate]
    server = await startRedis({ settings: ['--tls-port', String(tlsPort), '--tls-auth-clients', 'no', ...files] })
  })
  afterAll(async () => {
    await server?.stop()
    folder.remove()
  })

  it('is reached by rediss:// with the CA that signed for it', async () => {
    const { clients } = startClients({ REDIS_URL: `rediss://127.0.0.1:${tlsPort}`, REDIS_CA_FILE: authority.certificate })
    await until(() => clients.ready)
    await publishIsReceived(clients)
  })

  it('is not asked for by a CA alone', () => {
    const variables = { REDIS_URL: `redis://127.0.0.1:${tlsPort}`, REDIS_CA_FILE: authority.certificate }
    expect(faultsOf(variables)).toEqual([expect.stringMatching('^REDIS_CA_FILE: needs a REDIS_URL')])
  })

  it.each([
    ['by the well-known CAs', '127.0.0.1', () => ({})],
    ['by another CA', '127.0.0.1', () => ({ REDIS_CA_FILE: other.certificate })],
    ['for another name', 'localhost', () => ({ REDIS_CA_FILE: authority.certificate })],
  ])('is not trusted %s', async (_name, host, variables) => {
    const { clients, logs } = startClients({ REDIS_URL: `rediss://${host}:${tlsPort}`, ...variables() })
    const refused = /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|ERR_TLS_CERT_ALTNAME_INVALID|UNABLE_TO_GET_ISSUER_CERT/
    await until(() => logs.filter((line) => refused.test(line)).length >= 4)
    expect(clients.ready).toBe(false)
    expect(logs.join('\n')).not.toContain('Redis: ready')
  })
})
