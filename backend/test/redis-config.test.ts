import { describe, expect, it } from 'vitest'
import { aFile, faultsOf, read } from './support/configuration.js'

const nothing = { username: undefined, password: undefined, database: 0, tls: undefined }

describe('the configuration of Redis', () => {
  it.each([
    ['redis://127.0.0.1', { ...nothing, at: { host: '127.0.0.1', port: 6379 } }],
    ['redis://[::1]:6380/', { ...nothing, at: { host: '::1', port: 6380 } }],
    ['redis://cache/5', { ...nothing, at: { host: 'cache', port: 6379 }, database: 5 }],
    ['redis://:p%40ss@cache', { ...nothing, at: { host: 'cache', port: 6379 }, password: 'p@ss' }],
    [
      'rediss://me:secret@cache:1',
      { ...nothing, at: { host: 'cache', port: 1 }, username: 'me', password: 'secret', tls: { ca: undefined } },
    ],
  ])('reads %s', (url, expected) => {
    expect(read({ REDIS_URL: url }).redis).toEqual(expected)
  })

  it.each([
    'redis://',
    'redis:///1',
    'redis://cache/one',
    'redis://cache?enableOfflineQueue=true',
    'redis://:50%off@cache',
    'redis://cache:99999',
  ])('refuses %s as REDIS_URL', (url) => {
    expect(faultsOf({ REDIS_URL: url })).toEqual([expect.stringMatching('^REDIS_URL: a URL such as')])
  })

  it('takes what the URL says over what stands beside it', () => {
    const beside = { REDIS_USERNAME: 'other', REDIS_PASSWORD: 'other' }
    expect(read({ REDIS_URL: 'redis://me:mine@cache', ...beside }).redis).toMatchObject({ username: 'me', password: 'mine' })
    expect(read({ REDIS_URL: 'redis://cache', ...beside }).redis).toMatchObject({ username: 'other', password: 'other' })
  })

  it('reads the Sentinels', () => {
    const variables = {
      REDIS_SENTINELS: 'one:26379, 10.0.0.2:5000,[::1]:26379',
      REDIS_PASSWORD: 'servers',
      REDIS_SENTINEL_PASSWORD: 'sentinels',
    }
    const sentinels = [
      { host: 'one', port: 26_379 },
      { host: '10.0.0.2', port: 5000 },
      { host: '::1', port: 26_379 },
    ]
    const expected = { ...nothing, at: { sentinels, name: 'mymaster', password: 'sentinels' }, password: 'servers' }
    expect(read(variables).redis).toEqual(expected)
    expect(read({ ...variables, REDIS_SENTINEL_NAME: 'chat' }).redis).toMatchObject({ at: { name: 'chat' } })
    expect(faultsOf(variables, { clustered: true })).toEqual([])
  })

  it.each(['one', 'one:0', 'one:65536', 'one:26379,', 'redis://one:26379', '::1:26379'])('refuses %s as REDIS_SENTINELS', (text) => {
    expect(faultsOf({ REDIS_SENTINELS: text })).toEqual([expect.stringMatching('^REDIS_SENTINELS: addresses such as')])
  })

  it('reads the addresses of a Redis Cluster, which need no URL', () => {
    const variables = { REDIS_CLUSTER: 'one:7000,10.0.0.2:7001', REDIS_PASSWORD: 'servers', REDIS_SHARDS: '4' }
    const cluster = [
      { host: 'one', port: 7000 },
      { host: '10.0.0.2', port: 7001 },
    ]
    expect(read(variables).redis).toEqual({ ...nothing, at: { cluster }, password: 'servers' })
    expect(read(variables).eventLog.shards).toBe(4)
    expect(faultsOf(variables, { clustered: true })).toEqual([])
  })

  it.each([
    [{ REDIS_URL: 'redis://cache' }, 'REDIS_URL'],
    [{ REDIS_SENTINELS: 'one:26379' }, 'REDIS_SENTINELS'],
  ])('refuses a Redis Cluster beside %j', (beside, name) => {
    const both = { REDIS_CLUSTER: 'one:7000', ...beside }
    expect(faultsOf(both)).toEqual([expect.stringMatching(`^REDIS_CLUSTER: is set beside ${name}`)])
  })

  it.each(['0', '17', 'two'])('refuses %s shards', (shards) => {
    expect(faultsOf({ REDIS_SHARDS: shards })).toEqual([expect.stringMatching('^REDIS_SHARDS:')])
  })

  it('refuses a URL and Sentinels at once', () => {
    const both = { REDIS_URL: 'redis://cache', REDIS_SENTINELS: 'one:26379' }
    expect(faultsOf(both)).toEqual([expect.stringMatching('^REDIS_SENTINELS: is set beside REDIS_URL')])
  })

  it('refuses a CA that would not be used, is not there, or is none', () => {
    expect(faultsOf({ REDIS_CA_FILE: '/nowhere/ca.pem' })).toEqual(['REDIS_CA_FILE: cannot be read as a certificate (ENOENT)'])
    expect(faultsOf({ REDIS_CA_FILE: aFile('no certificate') })).toEqual([expect.stringMatching('^REDIS_CA_FILE: cannot be read')])
  })
})
