import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentDisposition } from '../src/platform/storage/content-disposition.js'

const attachment = (fileName: string) => contentDisposition({ fileName, contentType: 'application/zip', inline: false })
/** What a browser takes the name to be. */
const nameIn = (header: string) => decodeURIComponent(/filename\*=UTF-8''(\S+)$/.exec(header)?.[1] ?? '')

describe('the name of a download', () => {
  it.each([
    ['report.pdf', 'report.pdf'],
    ['../../etc/passwd', '_.._etc_passwd'],
    ['..\\..\\boot.ini', '_.._boot.ini'],
    ['.htaccess', 'htaccess'],
    ['..', 'file'],
    ['', 'file'],
    ['a\0b.txt', 'ab.txt'],
    ['a\r\nSet-Cookie: x=1.txt', 'aSet-Cookie: x=1.txt'],
    ['a\u2028b\u0085c', 'abc'],
    ['invoice\u202Egpj.exe', 'invoicegpj.exe'],
    ['a\uD800b', 'ab'],
    ['  spaces  .txt  ', 'spaces  .txt'],
    ['say "hi"; filename=x', 'say "hi"; filename=x'],
    ["it's (1)*.txt", "it's (1)*.txt"],
    ['Gru\u0308ße.txt', 'Grüße.txt'],
    ['家族👨‍👩‍👧.jpg', '家族👨‍👩‍👧.jpg'],
    ['100%25.txt', '100%25.txt'],
  ])('of %j is %j', (fileName, name) => {
    expect(nameIn(attachment(fileName))).toBe(name)
  })

  it('keeps the extension of what is too long, and no half character', () => {
    const name = nameIn(attachment(`${'é👍'.repeat(1000)}.tar.gz`))
    expect(name).toMatch(/^(é👍)+é?\.gz$/u)
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(180)
    expect(nameIn(attachment('x'.repeat(4096)))).toBe('x'.repeat(180))
    expect(nameIn(attachment(`x.${'y'.repeat(4096)}`))).toHaveLength(180)
  })

  it('has a plain form for what knows no other', () => {
    expect(attachment('Größe 5 % "x" \\.txt')).toMatch(/^attachment; filename="Gr__e 5 _ _x_ _\.txt"; filename\*=UTF-8''/)
  })

  it('is one header of bounded length, and what it says is a plain name, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 4096 }), (fileName) => {
        const header = attachment(fileName)
        expect(header).toMatch(/^attachment; filename="[ !#$&-[\]-~]+"; filename\*=UTF-8''[A-Za-z0-9%._~-]+$/)
        expect(header.length).toBeLessThan(800)
        expect(nameIn(header)).not.toMatch(/[/\\\p{Cc}]|^\./u)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('what a browser may show', () => {
  const dispositionOf = (contentType: string, inline = true) => contentDisposition({ fileName: 'x', contentType, inline }).split(';')[0]

  it.each([
    'image/png',
    'image/jpeg',
    'image/gif',
    'image/webp',
    'image/avif',
    'video/mp4',
    'audio/mpeg',
    'IMAGE/PNG',
    'video/mp4; codecs=x',
  ])('is %s', (contentType) => {
    expect(dispositionOf(contentType)).toBe('inline')
    expect(dispositionOf(contentType, false)).toBe('attachment')
  })

  it.each([
    'text/html',
    'image/svg+xml',
    'IMAGE/SVG+XML',
    'application/xhtml+xml',
    'text/xml',
    'application/xml',
    'text/javascript',
    'application/javascript',
    'application/pdf',
    'text/plain',
    'application/octet-stream',
    'image/png2',
    'image/png,text/html',
    'multipart/x-mixed-replace',
    '',
  ])('is not %j', (contentType) => {
    expect(dispositionOf(contentType)).toBe('attachment')
  })
})
