import { encodeStrictly } from './uri-encoding.js'

/** What a browser shows and does not run; SVG, HTML, XML and PDF are not among it. */
const shown = /^(?:image\/(?:avif|gif|jpeg|png|webp)|audio\/[\w.+-]+|video\/[\w.+-]+)$/

/** In bytes of UTF-8: what file systems take, with room for a browser's ` (1)`; a signed URL carries it three times as long. */
const mostBytes = 180
const mostExtensionBytes = 20

const bytesOf = (text: string): number => Buffer.byteLength(text, 'utf8')

/** The beginning of a text, as much as fits, in whole characters. */
const beginning = (text: string, bytes: number): string => {
  let kept = ''
  let room = bytes
  for (const character of text) {
    room -= bytesOf(character)
    if (room < 0) break
    kept += character
  }
  return kept
}

const shortened = (name: string): string => {
  if (bytesOf(name) <= mostBytes) return name
  const extension = /\.[^.\s]+$/.exec(name)?.[0] ?? ''
  if (bytesOf(extension) > mostExtensionBytes) return beginning(name, mostBytes)
  return beginning(name.slice(0, -extension.length || undefined), mostBytes - bytesOf(extension)) + extension
}

/** A name that is a name and no path, with nothing in it that is not seen. */
const plainName = (fileName: string): string => {
  const visible = fileName
    .normalize('NFC')
    .replaceAll(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_C}\u{FEFF}]/gu, '') // marks that turn the direction make gpj.exe read as exe.jpg
    .replaceAll(/[/\\]/g, '_')
    .replace(/^[.\s]+/, '')
    .trim()
  return shortened(visible) || 'file'
}

/** For what knows only ASCII (RFC 6266, appendix D): without what some take for an escape. */
const plainAscii = (name: string): string => name.replaceAll(/[^ -~]|["%\\]/gu, '_')

/**
 * The header that makes a browser show an object, or save it under its name (RFC 6266, RFC 8187).
 * @param as `inline` is granted to what a browser does not run
 */
export const contentDisposition = (as: { fileName: string; contentType: string; inline: boolean }): string => {
  const name = plainName(as.fileName)
  const type = as.contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  return `${as.inline && shown.test(type) ? 'inline' : 'attachment'}; filename="${plainAscii(name)}"; filename*=UTF-8''${encodeStrictly(name)}`
}
