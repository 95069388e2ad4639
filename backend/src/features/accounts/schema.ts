import { z } from 'zod'
import { Phone, PhoneGuess } from '../../http/phone.js'
import { DisplayName, isWellFormed } from '../../http/text.js'
import { Device, SessionView, TokensView } from '../sessions/index.js'
import { MeView } from '../users/index.js'

/** More than any PASSWORD_MAX_LENGTH allows. What a password has to be is the policy's business. */
const mostUnits = 2048
const Password = z.string().max(mostUnits).refine(isWellFormed, 'not well-formed Unicode').normalize('NFC')

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
export const Login = z.strictObject({
  phone: PhoneGuess,
  password: Password,
  device: Device.optional(),
})
export type Login = z.infer<typeof Login>

export const SignedIn = TokensView.extend({ user: MeView, session: SessionView }).meta({ id: 'SignedIn' })
export type SignedIn = z.infer<typeof SignedIn>
