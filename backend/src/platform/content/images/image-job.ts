import { z } from 'zod'
import { imageTypes } from './image-types.js'

/** What the process that makes images is asked; paths are of files. */
export const ImageJob = z.object({
  type: z.enum(imageTypes),
  original: z.string(),
  /** Where what it makes goes. */
  image: z.string(),
  thumbnail: z.string(),
})
export type ImageJob = z.infer<typeof ImageJob>

const Size = z.object({ width: z.int().positive(), height: z.int().positive() })

/** And what it answers; `failed` where the picture was not at fault. */
export const ImageAnswer = z.union([
  z.object({ made: z.object({ image: Size, thumbnail: Size }) }),
  z.object({ refused: z.enum(['broken_image', 'too_large']), detail: z.string() }),
  z.object({ failed: z.string() }),
])
export type ImageAnswer = z.infer<typeof ImageAnswer>
