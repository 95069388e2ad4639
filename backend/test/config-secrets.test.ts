import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { aFile, faultsOf, read } from './support/configuration.js'

describe('secrets', () => {
  const good: Record<string, string> = {
    JWT_SECRET: randomBytes(32).toString('hex'),
    JWT_PREVIOUS_SECRETS: [randomBytes(32), randomBytes(32)].map((each) => each.toString('hex')).join(','),
    AUTH_PEPPER: randomBytes(32).toString('hex'),
    MONGO_URI: 'mongodb://someone:passphrase@127.0.0.1/chat',
    REDIS_URL: 'redis://127.0.0.1:6390',
    REDIS_PASSWORD: 'passphrase',
  }
  it.each(Object.keys(good))('%s may come from a file', (name) => {
    const value = good[name] ?? ''
    const others = name === 'REDIS_PASSWORD' ? { REDIS_URL: 'redis://127.0.0.1' } : {}
    expect(read({ ...others, [`${name}_FILE`]: aFile(`${value}\n`) })).toEqual(read({ ...others, [name]: value }))
  })

  it.each(Object.keys(good))('%s may not be set twice', (name) => {
    const value = good[name] ?? ''
    expect(faultsOf({ [name]: value, [`${name}_FILE`]: aFile(value) })).toEqual([expect.stringMatching(`^${name}: is set twice`)])
  })

  it.each(Object.keys(good))('%s_FILE has to be there', (name) => {
    expect(faultsOf({ [`${name}_FILE`]: '/nowhere/secret' })).toEqual([`${name}_FILE: /nowhere/secret: there is no such file`])
  })

  it.each([
    'your-super-secret-jwt-key-change-in-production',
    'change-me-change-me-change-me-change-me',
    'changeme0123456789012345678901234567890',
    'this-is-only-an-example-of-a-secret-value',
    'your_jwt_secret_here_0123456789012345678',
    'a'.repeat(40),
    'x'.repeat(31),
  ])('JWT_SECRET may not be %s', (value) => {
    expect(faultsOf({ JWT_SECRET: value })).toHaveLength(1)
  })

  it.each([
    'x'.repeat(31),
    'change-me-change-me-change-me-change-me',
    `${'Zq0v'.repeat(12)},`,
    Array(11).fill('Zq0v'.repeat(12)).join(','),
  ])('JWT_PREVIOUS_SECRETS may not be %s', (value) => {
    expect(faultsOf({ JWT_PREVIOUS_SECRETS: value })).toEqual([expect.stringMatching('^JWT_PREVIOUS_SECRETS: ')])
  })

  it('JWT_PREVIOUS_SECRETS may not hold JWT_SECRET', () => {
    const secret = randomBytes(48).toString('base64')
    const faults = faultsOf({ JWT_SECRET: secret, JWT_PREVIOUS_SECRETS: `${'Zq0v'.repeat(12)},${secret}` })
    expect(faults).toEqual(['JWT_PREVIOUS_SECRETS: holds JWT_SECRET itself'])
  })

  it('AUTH_PREVIOUS_PEPPERS lists what AUTH_PEPPER was, and none where there was none', () => {
    const [pepper, former] = [randomBytes(48).toString('base64'), randomBytes(48).toString('base64')]
    const { previousPeppers } = read({ AUTH_PEPPER: pepper, AUTH_PREVIOUS_PEPPERS: `${former}, none` })
    expect(previousPeppers.map((each) => each?.export().toString())).toEqual([former, undefined])
  })

  it.each([
    ['short', 'tiny-Rv55', 'at least 32 characters'],
    ['too many', ['1', '2', '3', '4'].map((digit) => `Zq0v${digit}`.repeat(12)).join(','), 'at most three'],
    ['AUTH_PEPPER itself', `none,${'Zq0v'.repeat(12)}`, 'holds AUTH_PEPPER itself'],
  ])('AUTH_PREVIOUS_PEPPERS may not be %s', (_what, value, fault) => {
    const faults = faultsOf({ AUTH_PEPPER: 'Zq0v'.repeat(12), AUTH_PREVIOUS_PEPPERS: value })
    expect(faults).toEqual([`AUTH_PREVIOUS_PEPPERS: ${fault}`])
  })

  it('AUTH_PREVIOUS_PEPPERS needs AUTH_PEPPER', () => {
    expect(faultsOf({ AUTH_PREVIOUS_PEPPERS: 'none' })).toEqual(['AUTH_PEPPER: is required with AUTH_PREVIOUS_PEPPERS'])
  })

  it('are repeated in no message', () => {
    const bad = {
      JWT_SECRET: 'tiny-Xq81',
      JWT_PREVIOUS_SECRETS: 'tiny-Ab19',
      AUTH_PEPPER: 'tiny-Pw72',
      MONGO_URI: 'mongo://someone:Kf63@db/chat',
      REDIS_URL: 'http://someone:Lz54@cache',
    }
    const message = faultsOf(bad).join('\n')
    expect(message.match(/^\w+/gm)?.toSorted()).toEqual(Object.keys(bad).toSorted())
    expect(message).not.toMatch(/Xq81|Ab19|Pw72|Kf63|Lz54/)
  })
})
