import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Passwords } from '../src/features/accounts/passwords.js'
import { Problem } from '../src/http/problem.js'

const codeOf = (result: PromiseSettledResult<unknown>): string =>
  result.status === 'fulfilled' ? 'done' : result.reason instanceof Problem ? result.reason.code : 'another error'

describe('passwords', () => {
  it('are good under their own pepper alone', async () => {
    const [pepper, another] = [createSecretKey(randomBytes(32)), createSecretKey(randomBytes(32))]
    const hash = await new Passwords(pepper).hash('a password')
    expect(await new Passwords(pepper).verify(hash, 'a password')).toBe(true)
    expect(await new Passwords(another).verify(hash, 'a password')).toBe(false)
    expect(await new Passwords(undefined).verify(hash, 'a password')).toBe(false)
  })

  it('hashed with a former pepper, or without one, are right and outdated while it is known', async () => {
    const [pepper, former, another] = [randomBytes(32), randomBytes(32), randomBytes(32)].map((each) => createSecretKey(each))
    const passwords = new Passwords(pepper, [another, former, undefined])
    const matches = (hash: string, password = 'a password') => passwords.match(hash, password)
    expect(await matches(await passwords.hash('a password'))).toBe('right')
    for (const known of [former, another, undefined]) {
      const hash = await new Passwords(known).hash('a password')
      expect([await matches(hash), await matches(hash, 'another')]).toEqual(['outdated', 'wrong'])
      expect(await new Passwords(pepper).match(hash, 'a password')).toBe('wrong')
    }
  })

  it('of nobody are never right, not even that of the hash which is tried then', async () => {
    expect(await new Passwords(undefined).verify(undefined, 'no account has this password')).toBe(false)
  })

  it('wait for their turn up to a bound; past it they are refused at once, and the others come to their end', async () => {
    const passwords = new Passwords(undefined)
    await passwords.verify(undefined, 'x')
    const results = await Promise.allSettled(Array.from({ length: 300 }, () => passwords.verify(undefined, 'x')))
    const codes = results.map(codeOf)
    expect(codes.slice(0, 202).filter((code) => code !== 'done' && code !== 'service_unavailable')).toEqual([])
    expect(codes.slice(202)).toEqual(Array<string>(98).fill('service_unavailable'))
    expect(codes[0]).toBe('done')
    expect(await passwords.verify(await passwords.hash('y'), 'y')).toBe(true)
  })
})
