/** What no text has, in whatever 8-bit or UTF-8 encoding: control characters but those of terminals and printers. */
const isControl = (byte: number): boolean => (byte < 0x20 && !(byte >= 0x07 && byte <= 0x0d) && byte !== 0x1b) || byte === 0x7f

/** By its byte order mark. */
export const beginsAsUtf16 = (bytes: Uint8Array): boolean =>
  (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)

/** Whether the beginning of a file may be that of a text. */
export const mayBeText = (beginning: Uint8Array): boolean => beginsAsUtf16(beginning) || !beginning.some(isControl)

/** Whether it is UTF-8, though a character may be cut at its end. */
export const isUtf8 = (beginning: Uint8Array): boolean => {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(beginning, { stream: true })
    return true
  } catch {
    return false
  }
}
