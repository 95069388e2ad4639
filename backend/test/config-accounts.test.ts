import { describe, expect, it } from 'vitest'
import { faultsOf, read } from './support/configuration.js'

describe('accounts', () => {
  it('need a proved phone in production, and elsewhere where it is asked for', () => {
    const production = { NODE_ENV: 'production', MONGO_URI: 'mongodb://db/chat' }
    expect(read(production).accounts.phoneVerification).toBe('required')
    expect(read({ ...production, PHONE_VERIFICATION: 'optional' }).accounts.phoneVerification).toBe('optional')
    expect(read().accounts.phoneVerification).toBe('optional')
    expect(read({ PHONE_VERIFICATION: 'required' }).accounts.phoneVerification).toBe('required')
  })

  it('have passwords by strict rules, unless others are set', () => {
    const strict = { requireUppercase: true, requireLowercase: true, requireDigits: true, requireSpecial: true }
    expect(read().passwords).toMatchObject({ minLength: 12, maxLength: 128, ...strict })
    const set = { PASSWORD_MIN_LENGTH: '16', PASSWORD_MAX_LENGTH: '64', PASSWORD_REQUIRE_SPECIAL: 'false' }
    expect(read(set).passwords).toMatchObject({ minLength: 16, maxLength: 64, ...strict, requireSpecial: false })
  })

  it.each([
    ['PHONE_VERIFICATION', 'maybe'],
    ['PASSWORD_MIN_LENGTH', '7'],
    ['PASSWORD_MAX_LENGTH', '63'],
    ['PASSWORD_REQUIRE_DIGITS', 'yes'],
  ])('refuse %s=%s', (name, value) => {
    expect(faultsOf({ [name]: value })).toEqual([expect.stringMatching(`^${name}: `)])
  })
})
