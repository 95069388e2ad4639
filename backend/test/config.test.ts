import { describe, expect, it } from 'vitest'
import { aFile, faultsOf, read } from './support/configuration.js'

describe('the configuration', () => {
  it('needs nothing but JWT_SECRET', () => {
    expect(read()).toMatchObject({
      environment: 'development',
      server: { host: '127.0.0.1', port: 3000, trustProxy: false, corsOrigins: [], worker: '0' },
      mongo: { uri: 'mongodb://127.0.0.1:27017/heliograph' },
      redis: undefined,
      tokens: { accessTtlSeconds: 900, refreshTtlSeconds: 30 * 86_400 },
      pepper: undefined,
      previousPeppers: [],
      warnings: [],
    })
    expect(faultsOf({ JWT_SECRET: '' })).toEqual(['JWT_SECRET: is required'])
  })

  it('is told of every fault in one message', () => {
    const environment = { JWT_SECRET: 'short', PORT: 'abc', NODE_ENV: 'staging', LIMIT_LOGIN: 'often', LOG_LEVEL: 'loud' }
    const names = ['NODE_ENV', 'PORT', 'LOG_LEVEL', 'JWT_SECRET', 'LIMIT_LOGIN']
    expect(faultsOf(environment).map((fault) => fault.split(':')[0])).toEqual(names)
    expect(() => read(environment)).toThrow(/^The configuration has 5 faults:\n {2}NODE_ENV: .+\n {2}PORT: .+\n[^]+LIMIT_LOGIN: .+$/)
  })

  it('takes an empty value for unset', () => {
    expect(read({ PORT: '', MONGO_URI: '', REDIS_URL: '', LIMIT_API: '', AUTH_PEPPER: '', JWT_SECRET_FILE: '' })).toEqual(read())
  })

  it('ignores what it does not know', () => {
    expect(read({ PATH: '/bin', UNKNOWN: 'x' })).toEqual(read())
  })

  it.each([
    ['PORT', ['-1', '65536', '3000.5', '3e3', ' 3000', '0x10']],
    ['MONGO_POOL_SIZE', ['0', '1001', 'many']],
    ['API_URL', ['chat.example.com', 'ftp://chat.example.com']],
    ['MONGO_URI', ['localhost:27017', 'http://localhost', 'mongodb://a b']],
    ['REDIS_URL', ['localhost:6379', 'http://localhost']],
    ['CORS_ORIGIN', ['*', 'chat.example.com', 'https://chat.example.com/', 'https://chat.example.com/path', 'https://a.example,']],
    [
      'ALLOWED_HOSTS',
      ['*', 'https://chat.example.com', 'chat.example.com/', 'a b', 'a.example,', '*example.com', 'a.example:port', '-', '.a'],
    ],
    ['API_DOCS', ['yes', '1', 'TRUE']],
    ['ACCESS_TOKEN_TTL', ['0', '0m', '-5m', '15 m', '15min', '1.5h', 'soon', '15M']],
    ['TRUST_PROXY', ['true', 'TRUE', 'yes', '10.0.0.0/64', '10.0.0.1,']],
    [
      'LIMIT_LOGIN',
      ['5', '5/', '/min', '0/min', '5/0min', '-5/min', '5/week', '5/min burst', '20/s burst 10', '1.5/s', '5/min ', '12345678/s'],
    ],
    ['RATE_LIMIT_WINDOW_MS', ['999', '86400001', '15min']],
    ['RATE_LIMIT_MAX_REQUESTS', ['0', '1000001']],
  ])('refuses a bad %s', (name, values) => {
    for (const value of values) expect([value, faultsOf({ [name]: value })]).toEqual([value, [expect.stringMatching(`^${name}: .`)]])
  })

  it.each([
    ['900', 900],
    ['45s', 45],
    ['15m', 900],
    ['1h', 3600],
    ['2d', 172_800],
  ])('reads the duration %s', (text, seconds) => {
    expect(read({ ACCESS_TOKEN_TTL: text }).tokens.accessTtlSeconds).toBe(seconds)
  })

  it('reads JWT_EXPIRES_IN as ACCESS_TOKEN_TTL, which wins', () => {
    expect(read({ JWT_EXPIRES_IN: '30m' }).tokens.accessTtlSeconds).toBe(1800)
    expect(read({ JWT_EXPIRES_IN: '30m', ACCESS_TOKEN_TTL: '5m' }).tokens.accessTtlSeconds).toBe(300)
  })

  it('warns of access tokens that are good for over an hour', () => {
    expect(read({ ACCESS_TOKEN_TTL: '1h' }).warnings).toEqual([])
    expect(read({ JWT_EXPIRES_IN: '7d' }).warnings).toEqual([expect.stringContaining('ACCESS_TOKEN_TTL')])
  })

  it('refuses a lifetime that no date can hold', () => {
    expect(faultsOf({ REFRESH_TOKEN_TTL: '999999999d' })).toEqual([expect.stringMatching('^REFRESH_TOKEN_TTL: ')])
  })

  it.each([
    ['false', false],
    ['0', 0],
    ['2', 2],
    ['loopback, 10.0.0.0/8,::1', ['loopback', '10.0.0.0/8', '::1']],
  ])('reads TRUST_PROXY=%s', (text, value) => {
    expect(read({ TRUST_PROXY: text }).server.trustProxy).toEqual(value)
  })

  it('reads origins separated by commas', () => {
    const origins = ['https://chat.example.com', 'http://localhost:5173']
    expect(read({ CORS_ORIGIN: origins.join(' , ') }).server.corsOrigins).toEqual(origins)
  })

  it('reads hosts separated by commas', () => {
    const text = 'Chat.Example.com , *.chat.example.com,localhost:3000,10.0.0.1,[::1]:3000'
    expect(read({ ALLOWED_HOSTS: text }).server.allowedHosts).toEqual([
      'chat.example.com',
      '*.chat.example.com',
      'localhost:3000',
      '10.0.0.1',
      '[::1]:3000',
    ])
  })

  it('refuses more than one worker without Redis', () => {
    expect(faultsOf({}, { clustered: true })).toEqual([expect.stringMatching('^REDIS_URL: ')])
    expect(faultsOf({ REDIS_URL: 'redis://127.0.0.1:6379' }, { clustered: true })).toEqual([])
    expect(faultsOf({ REDIS_URL_FILE: aFile('redis://127.0.0.1:6379\n') }, { clustered: true })).toEqual([])
  })

  it('refuses more than one worker with an empty REDIS_URL_FILE', () => {
    expect(faultsOf({ REDIS_URL_FILE: aFile('') }, { clustered: true })).toEqual([expect.stringMatching('^REDIS_URL')])
  })

  it('refuses production without MONGO_URI', () => {
    expect(faultsOf({ NODE_ENV: 'production' })).toEqual([expect.stringMatching('^MONGO_URI: ')])
    expect(faultsOf({ NODE_ENV: 'production', MONGO_URI: 'mongodb://db/chat' })).toEqual([])
  })

  it('refuses production with an empty MONGO_URI_FILE', () => {
    expect(faultsOf({ NODE_ENV: 'production', MONGO_URI_FILE: aFile('\n') })).toEqual([expect.stringMatching('^MONGO_URI')])
  })
})

describe('limits', () => {
  it.each([
    ['5/min', 5, 60],
    ['3/h', 3, 3600],
    ['10/d', 10, 86_400],
    ['100/15min', 100, 900],
    ['20/s', 20, 1],
    ['20/s burst 60', 60, 3],
  ])('reads %s', (text, points, windowSeconds) => {
    expect(read({ LIMIT_MESSAGES: text }).limits.messages).toEqual({ user: { points, windowSeconds } })
  })

  it('are LIMIT_ANONYMOUS over RATE_LIMIT_* over the default', () => {
    const old = { RATE_LIMIT_WINDOW_MS: '60000', RATE_LIMIT_MAX_REQUESTS: '7' }
    const strangers = (environment = {}) => read(environment).limits.anonymous.ip
    expect(strangers()).toEqual({ points: 100, windowSeconds: 900 })
    expect(strangers({ RATE_LIMIT_MAX_REQUESTS: '7' })).toEqual({ points: 7, windowSeconds: 900 })
    expect(strangers({ RATE_LIMIT_WINDOW_MS: '60000' })).toEqual({ points: 100, windowSeconds: 60 })
    expect(strangers(old)).toEqual({ points: 7, windowSeconds: 60 })
    expect(strangers({ ...old, LIMIT_ANONYMOUS: '9/h' })).toEqual({ points: 9, windowSeconds: 3600 })
    expect(read(old).limits.api).toEqual(read().limits.api)
  })

  const [hours3, hours10, minutes] = [
    { points: 3, windowSeconds: 3600 },
    { points: 10, windowSeconds: 3600 },
    { points: 5, windowSeconds: 60 },
  ]
  it.each([
    ['', { phone: hours3, ip: hours10 }],
    ['5/min', { phone: minutes, ip: minutes }],
    ['5/min per phone', { phone: minutes, ip: hours10 }],
    ['5/min per ip', { phone: hours3, ip: minutes }],
    ['10/h per phone, 5/min per ip', { phone: hours10, ip: minutes }],
    ['10/h per phone,5/min', { phone: hours10, ip: minutes }],
  ])('may have a rate for each that they count by: LIMIT_OTP=%s', (text, rates) => {
    expect(read({ LIMIT_OTP: text }).limits.otp).toEqual(rates)
  })

  it.each(['5/min per user', '5/min per', '5/min, 3/h', '5/min per ip, 3/h per ip', '5/min per ip per phone', ',', '5/min,', 'per ip'])(
    'refuse LIMIT_OTP=%s',
    (text) => {
      expect(faultsOf({ LIMIT_OTP: text })).toEqual([expect.stringMatching('^LIMIT_OTP: a rate such as .+ per ')])
    },
  )
})
