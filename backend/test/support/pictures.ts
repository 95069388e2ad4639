import { crc32, deflateSync } from 'node:zlib'
import sharp, { type Sharp } from 'sharp'

/** A picture that is not one colour: red at its top left corner, blue below it. */
export const aPicture = (width = 40, height = 20): Sharp =>
  sharp({ create: { width, height, channels: 3, background: '#00f' } }).composite([
    { input: { create: { width: width / 2, height: height / 2, channels: 3, background: '#f00' } }, gravity: 'northwest' },
  ])

export const secretPlace = 'Villa at 52 deg 31 min'
const xmp = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="${secretPlace}"/></rdf:RDF></x:xmpmeta>`

/** With what a phone writes into a photograph: where, by whom, and which side is up (6: turn it to the right). */
export const asPhotograph = (picture: Sharp): Sharp =>
  picture
    .withExif({ IFD0: { Artist: secretPlace }, IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '52/1 31/1 0/1' } })
    .withXmp(xmp)
    .withMetadata({ orientation: 6 })

/** Frames of one colour each. */
export const anAnimation = async (colours: readonly string[], size = 16): Promise<Sharp> => {
  const frames = colours.map((background) =>
    sharp({ create: { width: size, height: size, channels: 3, background } })
      .png()
      .toBuffer(),
  )
  return sharp(await Promise.all(frames), { join: { animated: true } })
}

const chunk = (type: string, data: Uint8Array): Buffer => {
  const content = Buffer.concat([Buffer.from(type), data])
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  checksum.writeUInt32BE(crc32(content))
  return Buffer.concat([length, content, checksum])
}

/** A black PNG, a bit a pixel. */
export const aPngOf = (width: number, height: number): Buffer => {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header[8] = 1 // bit of grey
  const rows = Buffer.alloc(height * (1 + Math.ceil(width / 8)))
  return Buffer.concat([
    Buffer.from('\u0089PNG\r\n\u001a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}
