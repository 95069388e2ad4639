import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { PageQuery, pageOf } from '../../http/page.js'
import { multilineText } from '../../http/text.js'
import { actions, reasons } from './model.js'

const mostOfText = 2000

export const MakeReport = z
  .strictObject({
    userId: Id.optional(),
    messageId: Id.optional().meta({ description: 'Of a conversation that you are in; it is kept as it is now' }),
    conversationId: Id.optional().meta({ description: 'One that you are in' }),
    reason: z.enum(reasons),
    text: multilineText(mostOfText).optional(),
  })
  .refine(
    ({ userId, messageId, conversationId }) => [userId, messageId, conversationId].some((id) => id !== undefined),
    'one of userId, messageId and conversationId',
  )
export type MakeReport = z.infer<typeof MakeReport>

export const MadeReport = z.object({ id: Id, createdAt: z.iso.datetime() }).meta({ id: 'MadeReport' })

export const ListReports = PageQuery.extend({ status: z.enum(['open', 'resolved']).default('open') })
export type ListReports = z.infer<typeof ListReports>

export const ReportParams = z.strictObject({ reportId: Id })

export const ResolveReport = z.strictObject({
  action: z.enum(actions).meta({ description: 'suspended: who is reported is suspended with it' }),
  note: multilineText(mostOfText).optional(),
})
export type ResolveReport = z.infer<typeof ResolveReport>

const time = z.iso.datetime()

export const ReportView = z
  .object({
    id: Id,
    status: z.enum(['open', 'resolved']),
    reporterId: Id,
    userId: Id.nullable().meta({ description: 'Who is reported; null for a conversation as such' }),
    conversationId: Id.nullable(),
    message: z
      .object({ id: Id, seq: z.int(), senderId: Id, text: z.string().nullable(), version: z.int(), createdAt: time })
      .nullable()
      .meta({ description: 'As it was when it was reported' }),
    reason: z.enum(reasons),
    text: z.string().nullable(),
    createdAt: time,
    resolution: z.object({ action: z.enum(actions), note: z.string().nullable(), by: Id, at: time }).nullable(),
  })
  .meta({ id: 'Report' })
export type ReportView = z.infer<typeof ReportView>
export const ReportPage = pageOf(ReportView)
