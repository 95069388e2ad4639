import type { FieldError } from '../../http/problem.js'
import { Problem } from '../../http/problem.js'
import { strengthOf } from './password-strength.js'

export interface PasswordRules {
  /** In characters, that is code points of the NFC form. */
  readonly minLength: number
  readonly maxLength: number
  readonly requireUppercase: boolean
  readonly requireLowercase: boolean
  readonly requireDigits: boolean
  readonly requireSpecial: boolean
}

/** What anybody may know of a password's owner, and tries first. */
export interface Owner {
  readonly phone?: string | undefined
  readonly name?: string | undefined
  readonly email?: string | undefined
}

const leastStrength = 3
const leastWord = 3

/** What a password has to be. */
export class PasswordPolicy {
  readonly #rules: PasswordRules
  constructor(rules: PasswordRules) {
    this.#rules = rules
  }

  /** @param path where the password was in the request. @throws Problem validation_failed naming every rule that is not kept */
  require(password: string, owner: Owner, path: string): void {
    const errors: FieldError[] = this.#unmet(password, owner).map((message) => ({ path, message }))
    if (errors.length > 0) throw new Problem('validation_failed', 'The password is too weak', { errors })
  }

  #unmet(password: string, owner: Owner): string[] {
    const rules = this.#rules
    const length = Array.from(password).length
    const checks: readonly (readonly [boolean, string])[] = [
      [length >= rules.minLength, `at least ${rules.minLength} characters`],
      [length <= rules.maxLength, `at most ${rules.maxLength} characters`],
      [!rules.requireUppercase || /\p{Lu}/u.test(password), 'at least one uppercase letter'],
      [!rules.requireLowercase || /\p{Ll}/u.test(password), 'at least one lowercase letter'],
      [!rules.requireDigits || /\p{Nd}/u.test(password), 'at least one digit'],
      [!rules.requireSpecial || /[^\p{L}\p{M}\p{N}]/u.test(password), 'at least one character that is neither a letter nor a digit'],
      [strengthOf(password, wordsOf(owner)) >= leastStrength, 'harder to guess'],
    ]
    return checks.filter(([kept]) => !kept).map(([, message]) => message)
  }
}

const wordsOf = ({ phone = '', name = '', email = '' }: Owner): string[] => {
  const digits = phone.replace(/^\+/, '')
  const words = [digits, digits.slice(2), digits.slice(3), name, ...name.split(/[^\p{L}\p{N}]+/u), email, ...email.split(/[^\p{L}\p{N}]+/u)]
  return words.filter((word) => word.length >= leastWord)
}
