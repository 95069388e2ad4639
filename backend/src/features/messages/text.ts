import { hasAtMost, visibleText } from '../../http/text.js'

export const mostGraphemes = 8000
export const mostBytes = 64 * 1024

/** A message's text: NFC, 1 to 8,000 graphemes, at most 64 KB, and something in it to see. */
export const MessageText = visibleText(mostBytes, 'at most 64 KB')
  .refine((text) => Buffer.byteLength(text) <= mostBytes, 'at most 64 KB')
  .refine((text) => hasAtMost(text, mostGraphemes), 'at most 8,000 characters')
