import { z } from 'zod'
import { Id } from '../../http/ids.js'

const Settings = z.strictObject({ presence: z.boolean().meta({ description: 'Whether others may see that you are there' }) })

export const ChangeMe = z.strictObject({ settings: Settings })
export type ChangeMe = z.infer<typeof ChangeMe>

/** Oneself: what only the person may see is here too. */
export const MeView = z
  .object({
    id: Id,
    name: z.string(),
    phone: z.string(),
    settings: Settings,
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Me' })
export type MeView = z.infer<typeof MeView>
