import { z } from 'zod'
import { Problem } from './problem.js'

export const mostOfPage = 100
export const defaultPageSize = 50

/** What every list takes. */
export const PageQuery = z.strictObject({
  cursor: z.string().max(500).optional(),
  limit: z
    .string()
    .regex(/^\d{1,3}$/, 'a whole number')
    .transform(Number)
    .pipe(z.number().min(1).max(mostOfPage))
    .default(defaultPageSize),
})

/** What every list answers; `nextCursor` is null at the end. */
export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), nextCursor: z.string().nullable() })

/** A cursor: opaque to clients, JSON to us. */
export const encodeCursor = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** @throws Problem validation_failed where the text is no cursor of this list */
export const decodeCursor = <T extends z.ZodType>(schema: T, cursor: string): z.output<T> => {
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
  } catch (error) {
    throw new Problem('validation_failed', undefined, {
      errors: [{ path: 'query.cursor', message: 'not a cursor of this list' }],
      cause: error,
    })
  }
}
