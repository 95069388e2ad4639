import { z } from 'zod'
import { Id } from '../../http/ids.js'

export const ExportParams = z.strictObject({ exportId: Id })

export const ExportView = z
  .object({
    id: Id,
    status: z.enum(['waiting', 'running', 'ready', 'failed']),
    progress: z.int().min(0).max(100).meta({ description: 'In percent' }),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable().meta({ description: 'Until when it can be had; null while it is not there' }),
    size: z.int().positive().nullable().meta({ description: 'Bytes; null while it is not there' }),
  })
  .meta({ id: 'Export' })
export type ExportView = z.infer<typeof ExportView>
