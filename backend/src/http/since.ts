import { z } from 'zod'
import { decodeCursor, encodeCursor } from './page.js'

const latestMs = 8.64e15 // ECMA-262, 21.4.1.1: the last moment that a Date can hold
const Since = z.tuple([z.literal('sync'), z.int().min(0).max(latestMs)])

/** A moment by the database's clock, for a client to ask later what has changed since: opaque to it. */
export const encodeSince = (at: Date): string => encodeCursor(['sync', at.getTime()] satisfies z.infer<typeof Since>)

/** Such a moment in a query. */
export const SinceQuery = z
  .string()
  .max(100)
  .transform((text, context): Date => {
    try {
      const [, milliseconds] = decodeCursor(Since, text)
      return new Date(milliseconds)
    } catch {
      context.addIssue('not a cursor of /sync')
      return z.NEVER
    }
  })
