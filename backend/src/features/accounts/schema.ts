import { isValidPhoneNumber } from 'libphonenumber-js'
import { z } from 'zod'
import { DisplayName } from '../../http/text.js'
import { Device, SessionView } from '../sessions/index.js'
import { MeView } from '../users/index.js'

const Phone = z
  .string()
  .max(20)
  .refine((phone) => /^\+[1-9]\d{6,14}$/.test(phone) && isValidPhoneNumber(phone), 'a phone number in E.164, such as +4915112345678')

const Password = z.string().min(12, 'at least 12 characters').max(128, 'at most 128 characters').normalize('NFC')

export const Register = z.strictObject({ phone: Phone, password: Password, name: DisplayName, device: Device.optional() })
export type Register = z.infer<typeof Register>

/** Only shapes are checked: whether a phone could be one is not told to who guesses. */
export const Login = z.strictObject({
  phone: z.string().max(20),
  password: z.string().max(128).normalize('NFC'),
  device: Device.optional(),
})
export type Login = z.infer<typeof Login>

export const Refresh = z.strictObject({ refreshToken: z.string().max(200) })

export const TokensView = z
  .object({
    accessToken: z.string(),
    expiresIn: z.int().positive().meta({ description: 'Seconds' }),
    refreshToken: z.string(),
  })
  .meta({ id: 'Tokens' })

export const SignedIn = TokensView.extend({ user: MeView, session: SessionView }).meta({ id: 'SignedIn' })
export type SignedIn = z.infer<typeof SignedIn>
