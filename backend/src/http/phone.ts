import { parsePhoneNumberFromString } from 'libphonenumber-js'
import { z } from 'zod'

/** Also what was typed with a national prefix (+49 0151…) is one number: it has one form. @returns E.164; undefined where nobody can have it */
const normalPhone = (text: string): string | undefined => {
  if (!/^\+[1-9]\d{6,14}$/.test(text)) return undefined
  const parsed = parsePhoneNumberFromString(text)
  return parsed?.isValid() ? parsed.number : undefined
}

const mostUnits = 20

/** A phone number that somebody can have, in E.164. */
export const Phone = z
  .string()
  .max(mostUnits)
  .transform((text, context) => {
    const phone = normalPhone(text)
    if (phone !== undefined) return phone
    context.addIssue('a phone number in E.164, such as +4915112345678')
    return z.NEVER
  })

/** What somebody says is their phone: whether it could be one is not told to who guesses. */
export const PhoneGuess = z
  .string()
  .max(mostUnits)
  .transform((text) => normalPhone(text) ?? text)
