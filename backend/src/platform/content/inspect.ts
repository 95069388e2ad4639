import { buffer } from 'node:stream/consumers'
import { fileTypeFromBuffer } from 'file-type'
import { ContentRefusal } from './content-errors.js'
import { type ImageType, imageTypeOf, isPhotographOfOtherFormat } from './images/image-types.js'
import { bareType, isRecognisable, isTextType, mayBeTheSame } from './media-types.js'
import type { Source } from './source.js'
import { beginsAsUtf16, isUtf8, mayBeText } from './text.js'

/** As many as file-type looks at. */
const sampleBytes = 4100

export interface Inspected {
  /** What the bytes are to be called: the sender's word where nothing speaks against it. */
  readonly contentType: string
  /** Set where they are a picture, which is to be made anew before anybody sees it. */
  readonly image: ImageType | undefined
}

/**
 * Compares what somebody says of bytes with how they begin. Only pictures and what is played are ever shown by a browser; all else is saved.
 * @throws ContentRefusal `empty`, `wrong_type` or `unsupported_image`; what reading throws
 */
export const inspect = async (source: Source): Promise<Inspected> => {
  if (source.size === 0) throw new ContentRefusal('empty', 'The file is empty')
  const beginning = await buffer(await source.read({ start: 0, end: Math.min(source.size, sampleBytes) - 1 }))
  const declared = bareType(source.contentType) || 'application/octet-stream'
  const found = await recognise(beginning)
  if (isTextType(declared)) return asText(declared, beginning, found)

  const image = found === undefined ? undefined : imageTypeOf(found)
  if (image !== undefined) {
    if (declared !== 'application/octet-stream' && !mayBeTheSame(declared, image)) throw lie(declared, found)
    return { contentType: image, image } // also what is called nothing: a photograph tells where it was taken
  }
  if (found !== undefined && isPhotographOfOtherFormat(found)) {
    throw new ContentRefusal('unsupported_image', `Pictures are taken as JPEG, PNG, WebP, GIF or AVIF; this one is ${found}`)
  }
  if (isRecognisable(declared) && (found === undefined || !mayBeTheSame(declared, found))) throw lie(declared, found)
  return { contentType: declared, image: undefined }
}

const recognise = async (beginning: Uint8Array): Promise<string | undefined> => {
  const found = await fileTypeFromBuffer(beginning).catch(() => undefined) // what breaks off is not recognised
  return found && bareType(found.mime)
}

/** Two letters make a bitmap of a text, and the mark of UTF-16 an MP3, so what is text all through is believed. */
const asText = (declared: string, beginning: Uint8Array, found: string | undefined): Inspected => {
  const isTextThrough = found === undefined || isUtf8(beginning) || beginsAsUtf16(beginning) || mayBeTheSame(declared, found)
  const believed = mayBeText(beginning) && isTextThrough
  if (!believed) throw lie(declared, found)
  if (declared === 'image/svg+xml' && !/<(?:[\w.-]+:)?svg[\s/>]/i.test(Buffer.from(beginning).toString('utf8')))
    throw lie(declared, 'no SVG')
  return { contentType: declared, image: undefined }
}

const lie = (declared: string, found: string | undefined): ContentRefusal =>
  new ContentRefusal('wrong_type', `The file is said to be ${declared}, and is ${found ?? 'something else'}`)
