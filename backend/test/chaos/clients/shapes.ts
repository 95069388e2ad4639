import { z } from 'zod'

/** What clients rely on in what they are told, by the contract; more may come. */
export const Message = z.object({
  id: z.string(),
  conversationId: z.string(),
  seq: z.int(),
  senderId: z.string(),
  clientId: z.string(),
  type: z.enum(['user', 'system']),
  text: z.string().nullable(),
  version: z.int(),
  deletedAt: z.string().nullish(),
})
export type Message = z.infer<typeof Message>

export const Watermarks = z.object({ userId: z.string(), deliveredSeq: z.int(), readSeq: z.int() })
export type Watermarks = z.infer<typeof Watermarks>

export const Conversation = z.object({
  id: z.string(),
  lastSeq: z.int(),
  members: z.array(Watermarks.partial({ deliveredSeq: true, readSeq: true })),
  unreadCount: z.int().optional(),
  my: z.object({ joinedSeq: z.int(), readSeq: z.int().optional() }),
})
export type Conversation = z.infer<typeof Conversation>

export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), nextCursor: z.string().nullable() })

export const Resume = z.object({
  verdict: z.enum(['live', 'exact', 'partial', 'reset']),
  cursor: z.string(),
  refetch: z.array(z.string()),
})
export type Resume = z.infer<typeof Resume>
