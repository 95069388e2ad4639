import { z } from 'zod'

/** What the process that uploads is asked for: each person announces, sends and completes, and begins the next; all of them at once. */
export const Uploads = z.object({
  origin: z.string(),
  accessTokens: z.array(z.string()).min(1),
  mebibytesEach: z.int().positive(),
  /** How many each person uploads, one after the other. */
  times: z.int().positive(),
  /** Of each upload; they begin one by one, in the time that one takes. As fast as it goes, and all at once, where it is left out. */
  mebibytesPerSecond: z.number().positive().optional(),
})
export type Uploads = z.infer<typeof Uploads>

/** What a server is asked for; `peak` is the most since it was asked last, and once more at once: what it is now. */
export const Question = z.enum(['peak', 'presign'])
export const Listening = z.object({ port: z.int() })
/** Of a signed PUT, in microseconds of a processor. */
export const Presigned = z.object({ folder: z.number(), s3: z.number() })

export const mebibyte = 1024 * 1024
