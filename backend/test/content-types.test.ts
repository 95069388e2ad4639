import { deflateRawSync } from 'node:zlib'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { inspect } from '../src/platform/content/inspect.js'
import { aSource } from './support/sources.js'

const inspected = (bytes: Uint8Array | string, contentType: string) => inspect(aSource(bytes, contentType))

/** A PE header, as far as it is looked at. */
const program = Buffer.concat([Buffer.from('MZ'), Buffer.alloc(200), Buffer.from('PE')])
const pdf = Buffer.concat([Buffer.from('%PDF-1.7\n%'), Buffer.from([0xe2, 0xe3, 0xcf, 0xd3, 0x0a]), Buffer.alloc(100)])
const sizes = { crc: 14, compressed: 18, plain: 22, nameLength: 26 }

/** A zip file of one deflated file. */
const zipOf = (name: string, content: string): Buffer => {
  const bytes = deflateRawSync(content)
  const header = Buffer.alloc(30)
  header.write('PK\u0003\u0004', 'latin1')
  header.writeUInt16LE(8, 8) // deflated
  header.writeUInt32LE(bytes.length, sizes.compressed)
  header.writeUInt32LE(Buffer.byteLength(content), sizes.plain)
  header.writeUInt16LE(name.length, sizes.nameLength)
  return Buffer.concat([header, Buffer.from(name), bytes, Buffer.alloc(64)])
}

/** The box that ISO media files begin with. */
const mediaFile = (brand: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from(`ftyp${brand}`), Buffer.alloc(64)])

describe('what bytes are said to be', () => {
  let jpeg: Buffer
  let png: Buffer
  beforeAll(async () => {
    const picture = sharp({ create: { width: 8, height: 8, channels: 3, background: '#08f' } })
    jpeg = await picture.clone().jpeg().toBuffer()
    png = await picture.clone().png().toBuffer()
  })

  it('is believed of pictures that are what they are said to be', async () => {
    expect(await inspected(jpeg, 'image/jpeg')).toEqual({ contentType: 'image/jpeg', image: 'image/jpeg' })
    expect(await inspected(png, 'Image/PNG; charset=binary')).toEqual({ contentType: 'image/png', image: 'image/png' })
    expect(await inspected(jpeg, 'image/jpg')).toEqual({ contentType: 'image/jpeg', image: 'image/jpeg' })
  })

  it('does not hide a picture that is called nothing: it is treated as one', async () => {
    expect(await inspected(jpeg, 'application/octet-stream')).toEqual({ contentType: 'image/jpeg', image: 'image/jpeg' })
    expect(await inspected(jpeg, '')).toEqual({ contentType: 'image/jpeg', image: 'image/jpeg' })
  })

  it.each([
    ['audio/x-m4a', mediaFile('M4A ')],
    ['video/mp4', mediaFile('isom')],
    ['video/quicktime', mediaFile('qt  ')],
    ['application/pdf', pdf],
    ['application/zip', zipOf('a.txt', 'hello')],
    ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', zipOf('a.txt', 'hello')],
    ['application/vnd.android.package-archive', zipOf('classes.dex', 'hello')],
    ['application/octet-stream', program],
    ['application/x-msdownload', program],
    ['application/x-of-a-program-nobody-knows', 'anything'],
    ['text/plain', 'hello'],
    ['text/plain', 'BMW is two letters of a bitmap'],
    ['text/plain', 'ä'.repeat(4100)],
    ['text/csv', Buffer.from('Stra\u{DF}e;1', 'latin1')],
    ['text/plain', Buffer.from('\u{FEFF}hello', 'utf16le')],
    ['text/html', '<!doctype html><script>1</script>'],
    ['application/json', '{"a":1}'],
    ['image/svg+xml', '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'],
    ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'],
  ])('is believed of %s, and no browser is shown it', async (contentType, bytes) => {
    expect(await inspected(bytes, contentType)).toEqual({ contentType, image: undefined })
  })

  it.each([
    ['image/png', 'HTML', '<!doctype html><script>alert(1)</script>'],
    ['image/svg+xml', 'HTML', '<!doctype html><script>alert(1)</script>'],
    ['image/of-no-kind', 'HTML', '<!doctype html>'],
    ['video/mp4', 'HTML', '<!doctype html>'],
    ['application/pdf', 'HTML', '<!doctype html>'],
    ['image/png', 'PDF', pdf],
    ['application/pdf', 'zip', zipOf('a.txt', 'hello')],
    ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'PDF', pdf],
    ['video/mp4', 'a program', program],
    ['application/zip', 'a program', program],
    ['text/plain', 'a program', program],
    ['text/plain', 'PDF', pdf],
    ['audio/mpeg', 'a video', mediaFile('isom')],
    ['image/jpeg', 'zeros', Buffer.alloc(100)],
  ])('is refused where %s is %s', async (contentType, _what, bytes) => {
    await expect(inspected(bytes, contentType)).rejects.toMatchObject({ name: 'ContentRefusal', reason: 'wrong_type' })
  })

  it('is refused of a picture that is said to be another, or something else', async () => {
    await expect(inspected(jpeg, 'image/png')).rejects.toMatchObject({
      reason: 'wrong_type',
      detail: 'The file is said to be image/png, and is image/jpeg',
    })
    for (const contentType of ['application/pdf', 'text/plain', 'video/mp4', 'application/x-of-a-program-nobody-knows']) {
      await expect(inspected(jpeg, contentType)).rejects.toMatchObject({ reason: 'wrong_type' })
    }
  })

  it('is refused with a word on what is taken, where a photograph cannot be freed of its place', async () => {
    const tiff = await sharp(jpeg).tiff().toBuffer()
    for (const [bytes, contentType] of [
      [mediaFile('heic'), 'image/heic'],
      [tiff, 'image/tiff'],
      [tiff, 'application/octet-stream'],
    ] as const) {
      await expect(inspected(bytes, contentType)).rejects.toMatchObject({
        reason: 'unsupported_image',
        detail: expect.stringContaining('JPEG'),
      })
    }
  })

  it('is refused of nothing', async () => {
    await expect(inspected('', 'text/plain')).rejects.toMatchObject({ reason: 'empty' })
  })

  it('is told from the beginning alone', async () => {
    const large = aSource(Buffer.alloc(1_000_000, 'a'), 'text/plain')
    const asked: unknown[] = []
    await inspect({ ...large, read: (range) => (asked.push(range), large.read(range)) })
    expect(asked).toEqual([{ start: 0, end: 4099 }])
  })

  it('is told though a zip file unfolds without end', async () => {
    const bomb = zipOf('[Content_Types].xml', 'a'.repeat(4_000_000))
    expect(await inspected(bomb, 'application/zip')).toMatchObject({ contentType: 'application/zip' })
  })
})
