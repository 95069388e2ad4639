/** A GIF is blocks behind a header (https://www.w3.org/Graphics/GIF/spec-gif89a.txt). */
const extension = 0x21
const image = 0x2c
const trailer = 0x3b
const graphicControl = 0xf9
const application = 0xff

/** The bytes of a colour table, by the flags that tell of it. */
const tableBytes = (flags: number): number => (flags & 0x80 ? 3 * 2 ** ((flags & 0x07) + 1) : 0)

/** Reads a GIF from its start, and says which of its bytes to keep. */
class GifReader {
  readonly #bytes: Buffer
  readonly kept: Buffer[] = []
  at = 0
  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** A byte that has to be there. @param ahead of where the reader is */
  byte(ahead = 0): number {
    const byte = this.#bytes[this.at + ahead]
    if (byte === undefined) throw new RangeError('a GIF that breaks off')
    return byte
  }

  skip(length: number): void {
    this.at += length
    if (this.at > this.#bytes.length) throw new RangeError('a GIF that breaks off')
  }

  /** Sub-blocks, each behind its length, until an empty one. */
  skipSubBlocks(): void {
    for (;;) {
      const length = this.byte()
      this.skip(length + 1)
      if (length === 0) return
    }
  }

  keepSince(start: number): void {
    this.kept.push(this.#bytes.subarray(start, this.at))
  }

  text(ahead: number, length: number): string {
    return this.#bytes.toString('latin1', this.at + ahead, this.at + ahead + length)
  }
}

/** What says how often an animation runs; what other programs leave beside it (XMP among it) is not kept. */
const isLoop = (reader: GifReader): boolean => /^(?:NETSCAPE2\.0|ANIMEXTS1\.0)$/.test(reader.text(3, 11))

/**
 * A GIF of what is drawn alone: no comments, no metadata, nothing behind its end. To encode an animation again would take seconds and colours.
 * @throws RangeError for what is no GIF, or not a whole one
 */
export const strippedGif = (bytes: Buffer): Buffer => {
  const reader = new GifReader(bytes)
  if (!/^GIF8[79]a$/.test(reader.text(0, 6))) throw new RangeError('no GIF')
  reader.skip(13 + tableBytes(reader.byte(10)))
  reader.keepSince(0)
  for (;;) {
    const start = reader.at
    const kind = reader.byte()
    if (kind === trailer) {
      reader.skip(1)
      reader.keepSince(start)
      return Buffer.concat(reader.kept)
    }
    if (kind === extension) {
      const label = reader.byte(1)
      const isKept = label === graphicControl || (label === application && isLoop(reader))
      reader.skip(2)
      reader.skipSubBlocks()
      if (isKept) reader.keepSince(start)
    } else if (kind === image) {
      reader.skip(11 + tableBytes(reader.byte(9))) // and the size of the codes
      reader.skipSubBlocks()
      reader.keepSince(start)
    } else throw new RangeError('a GIF of unknown blocks')
  }
}
