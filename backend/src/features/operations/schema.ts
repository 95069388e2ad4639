import { z } from 'zod'

const Check = z.object({
  status: z.enum(['healthy', 'unhealthy', 'absent']),
  responseTime: z.number().nullable().meta({ description: 'Milliseconds' }),
})

export const Health = z
  .object({
    status: z.enum(['healthy', 'degraded', 'unhealthy']),
    timestamp: z.iso.datetime(),
    uptime: z.number().meta({ description: 'Seconds' }),
    version: z.string(),
    worker: z.string().meta({ description: 'The number of the worker that answers' }),
    checks: z.object({ database: Check, redis: Check, storage: Check }),
  })
  .meta({ id: 'Health' })
export type Health = z.infer<typeof Health>

export const Liveness = z.object({ status: z.literal('live') })
export const Readiness = z.object({ status: z.enum(['ready', 'starting', 'draining', 'no-database']) })
export type Readiness = z.infer<typeof Readiness>
