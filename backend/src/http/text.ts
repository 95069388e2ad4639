import { z } from 'zod'

/** The last ones are drawn as nothing too, whatever Unicode calls them: Braille’s blank, the null note head, Khitan’s filler, what frames annotations. */
const visible = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\u2800\u{1d159}\u{16fe4}\ufff9-\ufffb]/u
const halfSurrogate = /\p{Surrogate}/u
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** A grapheme has at least one code unit, so most texts need no counting; the rest is counted no further than the bound. */
export const hasAtMost = (text: string, mostGraphemes: number): boolean => {
  if (text.length <= mostGraphemes) return true
  let count = 0
  for (const _ of graphemes.segment(text)) if (++count > mostGraphemes) return false
  return true
}

export const isWellFormed = (text: string): boolean => !halfSurrogate.test(text)

/** Text that can be stored as it is (no half of a surrogate pair) and that somebody can see. `mostUnits` is in UTF-16 code units. */
export const visibleText = (mostUnits: number, tooLong: string) =>
  z
    .string()
    .max(mostUnits, tooLong)
    .refine(isWellFormed, 'not well-formed Unicode')
    .normalize('NFC')
    .refine((text) => visible.test(text), 'needs something to see')

const ofMoreLinesOrDirections = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u
/** All that nobody sees, but what joins and chooses glyphs: in Persian and Indic names, in those of old characters, in emoji. */
const unseen = /(?!\p{Join_Control}|\p{Variation_Selector}|[\u{e0020}-\u{e007f}])\p{Default_Ignorable_Code_Point}/u
const joinsNothing = /^\p{Join_Control}|\p{Join_Control}$/u

const mostOfName = 100
/** A flag or a family is one character of up to a dozen code units. */
const mostUnitsOfName = 16 * mostOfName

/** What people call themselves and their groups: one line of 1 to 100 characters, and nothing in it that makes it look like another one's. */
export const DisplayName = visibleText(mostUnitsOfName, `at most ${mostOfName} characters`)
  .trim()
  .refine((name) => hasAtMost(name, mostOfName), `at most ${mostOfName} characters`)
  .refine((name) => !ofMoreLinesOrDirections.test(name), 'no control characters')
  .refine((name) => !unseen.test(name) && !joinsNothing.test(name), 'no invisible characters')

/** What may take several lines; 1 to `most` characters. */
export const multilineText = (most: number) =>
  visibleText(16 * most, `at most ${most} characters`)
    .trim()
    .refine((text) => hasAtMost(text, most), `at most ${most} characters`)
    .refine((text) => !/[^\P{Cc}\n]/u.test(text), 'no control characters but line breaks')
