import { z } from 'zod'

const visible = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}]/u
const halfSurrogate = /\p{Surrogate}/u

/** Text that can be stored as it is (no half of a surrogate pair) and that somebody can see. `mostUnits` is in UTF-16 code units. */
export const visibleText = (mostUnits: number, tooLong: string) =>
  z
    .string()
    .max(mostUnits, tooLong)
    .refine((text) => !halfSurrogate.test(text), 'not well-formed Unicode')
    .normalize('NFC')
    .refine((text) => visible.test(text), 'needs something to see')

/** What people call themselves and their groups: one line, 1 to 100 characters. */
export const DisplayName = visibleText(400, 'at most 100 characters')
  .trim()
  .max(100, 'at most 100 characters')
  .refine((name) => !/\p{Cc}/u.test(name), 'no control characters')
