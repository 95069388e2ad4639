import { isValidPhoneNumber } from 'libphonenumber-js'
import { z } from 'zod'
import { Device, SessionView } from '../sessions/index.js'
import { MeView } from '../users/index.js'

const Phone = z
  .string()
  .max(20)
  .refine((phone) => /^\+[1-9]\d{6,14}$/.test(phone) && isValidPhoneNumber(phone), 'a phone number in E.164, such as +4915112345678')

const Password = z.string().min(12, 'at least 12 characters').max(128, 'at most 128 characters').normalize('NFC')

const visible = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}]/u
const Name = z
  .string()
  .max(400)
  .trim()
  .normalize('NFC')
  .min(1)
  .max(100)
  .regex(visible, 'needs something to see')
  .regex(/^[^\p{Cc}]*$/u, 'no control characters')

export const Register = z.strictObject({ phone: Phone, password: Password, name: Name, device: Device.optional() })
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
