import { readFile, writeFile } from 'node:fs/promises'
import sharp, { type Sharp } from 'sharp'
import { messageOf } from '../../message-of.js'
import { strippedGif } from './gif.js'
import type { ImageAnswer, ImageJob } from './image-job.js'
import type { ImageType } from './image-types.js'

/** Of all frames together: 50 megapixels turned upside down take 550 MB, and AVIF takes ten times as long as the others. */
const mostPixels: Record<ImageType, number> = {
  'image/jpeg': 50_000_000,
  'image/png': 50_000_000,
  'image/webp': 50_000_000,
  'image/gif': 50_000_000,
  'image/avif': 17_000_000,
}
const thumbnailPixels = 320

/** libvips is not to read anything that is not one of these, whatever it begins with. */
const loaders: Record<ImageType, string> = {
  'image/jpeg': 'VipsForeignLoadJpegFile',
  'image/png': 'VipsForeignLoadPngFile',
  'image/webp': 'VipsForeignLoadWebpFile',
  'image/gif': 'VipsForeignLoadNsgifFile',
  'image/avif': 'VipsForeignLoadHeifFile',
}

const encode: Record<Exclude<ImageType, 'image/gif'>, (picture: Sharp) => Sharp> = {
  'image/jpeg': (picture) => picture.jpeg({ quality: 88 }),
  'image/png': (picture) => picture.png({ compressionLevel: 6 }),
  'image/webp': (picture) => picture.webp({ quality: 88, effort: 2 }),
  'image/avif': (picture) => picture.avif({ quality: 60, effort: 1 }),
}

/** One thread, and no memory kept between pictures. */
export const prepareSharp = (): void => {
  sharp.concurrency(1)
  sharp.cache(false)
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({ operation: Object.values(loaders) })
}

/**
 * Makes a picture anew from its pixels, upright and without anything else that was in the file, and a small one of its first frame.
 * Animated WebP stays animated; a GIF keeps its frames as they are; of an animated PNG the first remains.
 */
export const makeImages = async ({ type, original, image, thumbnail }: ImageJob): Promise<ImageAnswer> => {
  const options = { limitInputPixels: mostPixels[type], failOn: 'error', sequentialRead: true } as const
  const made = await decoded(async () => {
    const { width, height } = await sharp(original, options).metadata()
    if (width * height > mostPixels[type]) throw new Error('Input image exceeds pixel limit') // metadata alone does not count GIF's
    const small = sharp(original, options)
      .autoOrient()
      .resize(thumbnailPixels, thumbnailPixels, { fit: 'inside', withoutEnlargement: true })
    return {
      image: type === 'image/gif' ? await remadeGif(original, { width, height }) : await remade(original, type, options),
      thumbnail: await small.webp({ quality: 75, effort: 2 }).toBuffer({ resolveWithObject: true }),
    }
  })
  if ('refused' in made) return made
  await writeFile(image, made.image.data)
  await writeFile(thumbnail, made.thumbnail.data)
  return { made: { image: sizeOf(made.image.info), thumbnail: sizeOf(made.thumbnail.info) } }
}

type Encoded = { data: Buffer; info: { width: number; height: number; pageHeight?: number | undefined } }

const remade = (original: string, type: Exclude<ImageType, 'image/gif'>, options: object): Promise<Encoded> =>
  encode[type](sharp(original, { ...options, animated: type === 'image/webp' }).autoOrient()).toBuffer({ resolveWithObject: true })

const remadeGif = async (original: string, info: Encoded['info']): Promise<Encoded> => ({
  data: strippedGif(await readFile(original)),
  info,
})

/** Of one frame: libvips stacks those of an animation. */
const sizeOf = ({ width, height, pageHeight = height }: Encoded['info']) => ({ width, height: pageHeight })

/** What libvips throws is the picture's fault; what the file system throws is not. */
const decoded = async <T>(work: () => Promise<T>): Promise<T | Extract<ImageAnswer, { refused: string }>> => {
  try {
    return await work()
  } catch (error) {
    const message = messageOf(error)
    if (error instanceof Error && 'syscall' in error) throw error
    if (message.includes('exceeds pixel limit')) return { refused: 'too_large', detail: 'The picture has too many pixels' }
    return { refused: 'broken_image', detail: 'The picture is broken or not whole' }
  }
}
