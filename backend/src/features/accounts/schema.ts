import { z } from 'zod'
import { EmailGuess } from '../../http/email.js'
import { Phone, PhoneGuess } from '../../http/phone.js'
import { DisplayName, isWellFormed } from '../../http/text.js'
import { Device, SessionView, TokensView } from '../sessions/index.js'
import { MeView } from '../users/index.js'

/** More than any PASSWORD_MAX_LENGTH allows. What a password has to be is the policy's business. */
const mostUnits = 2048
export const Password = z.string().max(mostUnits).refine(isWellFormed, 'not well-formed Unicode').normalize('NFC')

/** Of an authenticator, or a recovery code as it was typed. */
export const SecondCode = z.string().min(1).max(64)

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null

export const Register = z
  .strictObject({
    phone: Phone,
    password: Password.optional(),
    name: DisplayName,
    device: Device.optional(),
    registrationToken: z.string().max(200).optional().meta({ description: 'Proves the phone; who has one may do without a password' }),
  })
  .refine(({ password, registrationToken }) => password !== undefined || registrationToken !== undefined, {
    path: ['password'],
    message: 'is needed without a registrationToken',
    when: ({ value }) => isObject(value), // whatever else is wrong
  })
export type Register = z.infer<typeof Register>

/** Only shapes are checked: whether a phone could be one is not told to who guesses. */
export const Login = z
  .strictObject({
    phone: PhoneGuess.optional(),
    email: EmailGuess.optional(),
    password: Password,
    device: Device.optional(),
    totp: SecondCode.optional().meta({ description: 'The code of the authenticator, or a recovery code' }),
  })
  .refine(({ phone, email }) => (phone === undefined) !== (email === undefined), {
    path: ['phone'],
    message: 'or an email, one of the two',
  })
export type Login = z.infer<typeof Login>

export const ChangePassword = z.strictObject({
  currentPassword: Password.optional().meta({ description: 'Needed where there is one' }),
  newPassword: Password,
})
export type ChangePassword = z.infer<typeof ChangePassword>

export const BeginTotp = z.strictObject({ password: Password.optional().meta({ description: 'Needed where there is one' }) })
export const TotpBegun = z
  .object({
    secret: z.string().meta({ description: 'Base32, for who types it' }),
    url: z.string().meta({ description: 'otpauth:, for a QR picture' }),
  })
  .meta({ id: 'TotpBegun' })
export const ConfirmTotp = z.strictObject({ code: z.string().regex(/^\d{6}$/, 'the six digits that the authenticator shows') })
export const TotpConfirmed = z
  .object({ recoveryCodes: z.array(z.string()).meta({ description: 'Each good once; they are not shown again' }) })
  .meta({ id: 'TotpConfirmed' })
export const RemoveTotp = z.strictObject({ password: Password.optional(), code: SecondCode })

export const SignedIn = TokensView.extend({ user: MeView, session: SessionView }).meta({ id: 'SignedIn' })
export type SignedIn = z.infer<typeof SignedIn>
