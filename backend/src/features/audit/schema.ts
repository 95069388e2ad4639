import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { PageQuery, pageOf } from '../../http/page.js'
import { actorKinds, outcomes } from './model.js'

const Instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text))

export const AuditQuery = PageQuery.extend({
  actor: z.string().min(1).max(100).optional(),
  target: z.string().min(1).max(100).optional(),
  action: z
    .string()
    .regex(/^[a-z][a-z0-9_.]{0,63}$/, 'an action such as user.suspended')
    .optional(),
  from: Instant.optional(),
  to: Instant.optional(),
}).refine(({ from, to }) => !from || !to || from <= to, { path: ['to'], message: 'not before from' })
export type AuditQuery = z.output<typeof AuditQuery>

export const AuditEntryView = z
  .object({
    id: Id,
    at: z.iso.datetime(),
    action: z.string(),
    outcome: z.enum(outcomes),
    actor: z.object({ kind: z.enum(actorKinds), id: z.string().nullable() }),
    target: z.object({ kind: z.string(), id: z.string() }).nullable(),
    origin: z.object({ ip: z.string(), userAgent: z.string() }).nullable(),
    detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  })
  .meta({ id: 'AuditEntry' })
export type AuditEntryView = z.infer<typeof AuditEntryView>

export const AuditPage = pageOf(AuditEntryView)
