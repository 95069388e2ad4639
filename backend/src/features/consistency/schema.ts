import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { collections, differenceKinds, mostDifferences } from './difference.js'

export const CheckConversation = z.strictObject({
  repair: z.boolean().default(false).meta({ description: 'Mend what is derived from the messages' }),
})

const DifferenceView = z.object({
  kind: z.enum(differenceKinds),
  userId: Id.nullable().meta({ description: 'Whom it is about' }),
  seq: z.int().nullable().meta({ description: 'Where in the messages; of what is missing, the first' }),
  field: z.enum(['deliveredSeq', 'readSeq', 'joinedSeq', 'firstSeq']).nullable().meta({ description: 'Of a member or a receipt' }),
  document: z
    .object({ collection: z.enum(collections), id: Id })
    .nullable()
    .meta({ description: 'What has something to tell' }),
  stored: z.union([z.string(), z.number()]).nullable(),
  expected: z.union([z.string(), z.number()]).nullable().meta({ description: 'What the messages say; of what is missing, the last seq' }),
  repaired: z.boolean(),
})

export const ConversationCheck = z
  .object({
    conversationId: Id,
    messages: z.int().min(0),
    head: z.int().min(0).meta({ description: 'The seq of the newest message' }),
    differences: z.array(DifferenceView).meta({ description: `${mostDifferences} at most` }),
  })
  .meta({ id: 'ConversationCheck' })
export type ConversationCheck = z.infer<typeof ConversationCheck>
