import { z } from 'zod'

/** RFC 5321, 4.5.3.1.3. */
const mostUnits = 254

/** An e-mail address, in lower case: no mail server that people use tells `Ann` from `ann`. */
export const EmailAddress = z
  .email('an e-mail address such as ann@example.com')
  .max(mostUnits)
  .transform((address) => address.toLowerCase())

/** What somebody says is their address: whether it could be one is not told to who guesses. */
export const EmailGuess = z
  .string()
  .max(mostUnits)
  .transform((address) => address.toLowerCase())
