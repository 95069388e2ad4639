import { describe, expect, it } from 'vitest'
import { type Owner, PasswordPolicy, type PasswordRules } from '../src/features/accounts/password-policy.js'
import { strengthOf } from '../src/features/accounts/password-strength.js'
import { Problem } from '../src/http/problem.js'

const usual: PasswordRules = {
  minLength: 12,
  maxLength: 128,
  requireUppercase: true,
  requireLowercase: true,
  requireDigits: true,
  requireSpecial: true,
}

/** What the policy says of a password; nothing where it is good. */
const said = (password: string, { owner = {}, rules = {} }: { owner?: Owner; rules?: Partial<PasswordRules> } = {}): string[] => {
  try {
    new PasswordPolicy({ ...usual, ...rules }).require(password, owner, 'body.password')
    return []
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'validation_failed') throw error
    return (error.errors ?? []).map(({ path, message }) => `${path}: ${message}`)
  }
}

const [short, long] = ['body.password: at least 12 characters', 'body.password: at most 128 characters']
const upper = 'body.password: at least one uppercase letter'
const lower = 'body.password: at least one lowercase letter'
const digit = 'body.password: at least one digit'
const special = 'body.password: at least one character that is neither a letter nor a digit'
const weak = 'body.password: harder to guess'
const good = 'Mirrors 7 hills apart'

describe('a password', () => {
  it.each([good, 'Ü7 ärgere dich nicht', `Ab1!${'🔑 sun mirror '.repeat(8)}`.slice(0, 120), 'Зеркала на 7 холмах'])(
    'is good: %j',
    (password) => {
      expect(said(password)).toEqual([])
    },
  )

  it.each([
    ['', [short, upper, lower, digit, special, weak]],
    ['Mir 7 hill!', [short]],
    [`${good}${' more and more'.repeat(10)}`, [long]],
    ['mirrors 7 hills apart', [upper]],
    ['MIRRORS 7 HILLS APART', [lower]],
    ['Mirrors seven hills apart', [digit]],
    ['Mirrors7HillsApart', [special]],
    ['Password1234!', [weak]],
    ['P@ssw0rd1234', [weak]],
    ['Qwertyuiop1!', [weak]],
    ['Aa1!Aa1!Aa1!', [weak]],
  ])('%j breaks these rules, and all are told: %j', (password, broken) => {
    expect(said(password)).toEqual(broken)
  })

  it('counts characters, not the bytes of them', () => {
    expect(said('Ab1!🔑🗝🧲🧭🪞')).toContain(short)
    expect(said(`Ab1! ${'🔑🗝🧲🧭🪞'.repeat(24)}`)).not.toContain(long) // 125 of them, 245 units
  })

  it.each<[string, Owner]>([
    ['Aa+4915112345678', { phone: '+4915112345678' }],
    ['Aa+15112345678', { phone: '+4915112345678' }],
    ['Xqzwvkjpt-1!', { name: 'Ann Xqzwvkjpt' }],
    ['Wqxthippe-7!', { email: 'ann.wqxthippe@quux.example' }],
  ])('made of what is known of its owner is weak: %j', (password, owner) => {
    expect(said(password)).toEqual([])
    expect(said(password, { owner })).toEqual([weak])
  })

  it('is held to the rules that are set', () => {
    const none = { requireUppercase: false, requireLowercase: false, requireDigits: false, requireSpecial: false }
    expect(said('mirrorshillsapart', { rules: none })).toEqual([])
    expect(said(good, { rules: { minLength: 22, maxLength: 64 } })).toEqual(['body.password: at least 22 characters'])
  })

  it('that is hostile costs what one of 100 characters costs', () => {
    const hostile = 'a4@b8c(de3fg6hi1!|l7o0s$5t+z2'
    const first = hostile.repeat(4).slice(0, 100)
    expect(strengthOf(first + 'x'.repeat(1000), [])).toBe(strengthOf(first, []))
    const times = Array.from({ length: 5 }, () => {
      const before = performance.now()
      strengthOf(hostile.repeat(70), [])
      return performance.now() - before
    })
    console.log(`the worst password known takes ${times.toSorted((a, b) => a - b)[2]?.toFixed(0)} ms to judge`)
  })
})
