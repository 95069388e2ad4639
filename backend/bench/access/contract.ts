import { z } from 'zod'

export const contenders = ['check', 'library', 'string'] as const
export type Name = (typeof contenders)[number]

/** So many checks of tokens that take turns. */
export const Question = z.object({ name: z.enum(contenders), checks: z.int() })
/** CPU time of the process, user and system, in us a check. */
export const Answer = z.number()

export const issuer = 'heliograph'
