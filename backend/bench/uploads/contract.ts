import { z } from 'zod'

/** What the process that uploads is asked for: all of them at once, each with its own bytes. */
export const Uploads = z.object({
  requests: z.array(z.object({ url: z.string(), headers: z.record(z.string(), z.string()) })),
  mebibytesEach: z.int(),
  /** Of each upload; as fast as it goes where it is left out. */
  mebibytesPerSecond: z.number().optional(),
})
export type Uploads = z.infer<typeof Uploads>

/** What a server is asked for; `peak` is the most since it was asked last. */
export const Question = z.enum(['peak', 'presign'])
export const Listening = z.object({ port: z.int() })

export const mebibyte = 1024 * 1024
/** Every upload consists of these, over and over. */
export const piece = Buffer.alloc(mebibyte, 'heliograph')
