import { z } from 'zod'
import { EmailAddress, EmailGuess } from '../../http/email.js'
import { Phone, PhoneGuess } from '../../http/phone.js'
import { Password } from '../accounts/index.js'
import { Code } from '../codes/index.js'

const Token = z.string().min(1).max(200).meta({ description: 'From the link in the mail' })
const CurrentPassword = z.string().max(2048).normalize('NFC')

export const ChangeEmail = z.strictObject({ email: EmailAddress, password: CurrentPassword.optional() })
export type ChangeEmail = z.infer<typeof ChangeEmail>

export const VerifyEmail = z.strictObject({ token: Token })

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null

export const ForgotPassword = z
  .strictObject({ phone: PhoneGuess.optional(), email: EmailGuess.optional() })
  .refine(({ phone, email }) => (phone === undefined) !== (email === undefined), 'either the phone or the e-mail address')
export type ForgotPassword = z.infer<typeof ForgotPassword>

export const ResetPassword = z
  .strictObject({ token: Token.optional(), phone: PhoneGuess.optional(), code: Code.optional(), newPassword: Password })
  .refine(
    ({ token, phone, code }) =>
      token === undefined ? phone !== undefined && code !== undefined : phone === undefined && code === undefined,
    { message: 'either the token of the mail, or the phone and the code', when: ({ value }) => isObject(value) },
  )
export type ResetPassword = z.infer<typeof ResetPassword>

export const ChangePhone = z.strictObject({ phone: Phone, code: Code, password: CurrentPassword.optional() })
export type ChangePhone = z.infer<typeof ChangePhone>
