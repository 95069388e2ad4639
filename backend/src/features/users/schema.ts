import { z } from 'zod'
import { Id } from '../../http/ids.js'

/** Oneself: what only the person may see is here too. */
export const MeView = z
  .object({
    id: Id,
    name: z.string(),
    phone: z.string(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Me' })
export type MeView = z.infer<typeof MeView>
