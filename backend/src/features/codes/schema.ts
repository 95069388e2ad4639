import { z } from 'zod'
import { Phone, PhoneGuess } from '../../http/phone.js'
import { SecondCode, SignedIn } from '../accounts/index.js'
import { Device } from '../sessions/index.js'

/** Six digits, as the SMS has them. */
export const Code = z.string().regex(/^\d{6}$/, 'the six digits of the code')

export const StartCode = z.strictObject({ phone: Phone })

export const CodeStarted = z.object({ expiresIn: z.int().positive().meta({ description: 'Seconds' }) }).meta({ id: 'CodeStarted' })

export const VerifyCode = z.strictObject({
  phone: PhoneGuess,
  code: Code,
  device: Device.optional(),
  totp: SecondCode.optional().meta({ description: 'The code of the authenticator, or a recovery code' }),
})
export type VerifyCode = z.infer<typeof VerifyCode>

const PhoneProved = z
  .object({
    registrationToken: z.string().meta({ description: 'Proves the phone to /auth/register, once' }),
    expiresIn: z.int().positive().meta({ description: 'Seconds' }),
  })
  .meta({ id: 'PhoneProved' })

/** Signed in where the phone has an account; else what one registers with. */
export const CodeVerified = z.union([SignedIn, PhoneProved])
