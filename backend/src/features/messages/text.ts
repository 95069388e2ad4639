import { visibleText } from '../../http/text.js'

const mostGraphemes = 8000
const mostBytes = 64 * 1024
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** A grapheme has at least one code unit, so most texts need no counting; the rest is counted no further than the bound. */
const hasAtMost = (text: string, most: number): boolean => {
  if (text.length <= most) return true
  let count = 0
  for (const _ of graphemes.segment(text)) if (++count > most) return false
  return true
}

/** A message's text: NFC, 1 to 8,000 graphemes, at most 64 KB, and something in it to see. */
export const MessageText = visibleText(mostBytes, 'at most 64 KB')
  .refine((text) => Buffer.byteLength(text) <= mostBytes, 'at most 64 KB')
  .refine((text) => hasAtMost(text, mostGraphemes), 'at most 8,000 characters')
