import { z } from 'zod'
import { Id } from '../../http/ids.js'

const Seq = z.int().min(0)

export const SendReceipt = z
  .strictObject({
    deliveredSeq: Seq.optional().meta({ description: 'Everything up to here has reached a device' }),
    readSeq: Seq.optional().meta({ description: 'Everything up to here was read, and so has arrived' }),
  })
  .refine(({ deliveredSeq, readSeq }) => deliveredSeq !== undefined || readSeq !== undefined, 'one of deliveredSeq and readSeq, or both')
export type SendReceipt = z.infer<typeof SendReceipt>

export const MessageParams = z.strictObject({ messageId: Id })

const Receipt = z.object({ userId: Id, at: z.iso.datetime() })

export const MessageReceiptsView = z
  .object({ deliveredTo: z.array(Receipt), readBy: z.array(Receipt) })
  .meta({ id: 'MessageReceipts', description: 'Without the sender; the earliest first' })
export type MessageReceiptsView = z.infer<typeof MessageReceiptsView>
