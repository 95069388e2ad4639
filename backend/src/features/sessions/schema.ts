import { z } from 'zod'
import { Id } from '../../http/ids.js'

export const Device = z.strictObject({
  name: z.string().min(1).max(100),
  platform: z.string().max(50).optional(),
  appVersion: z.string().max(50).optional(),
})

export const SessionView = z
  .object({
    id: Id,
    device: Device.nullable(),
    createdAt: z.iso.datetime(),
    lastSeenAt: z.iso.datetime(),
  })
  .meta({ id: 'Session' })
export type SessionView = z.infer<typeof SessionView>
