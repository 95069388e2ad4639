import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { PageQuery, pageOf } from '../../http/page.js'
import { SinceQuery } from '../../http/since.js'
import { Attachments, AttachmentView } from './attachments.js'
import { Emoji } from './emoji.js'
import { ForwardView } from './forward.js'
import { Mentions, MentionView } from './mentions.js'
import { ReplyView } from './reply.js'
import { MessageText } from './text.js'

export const SendMessage = z
  .strictObject({
    clientId: z.uuid().toLowerCase().meta({ description: 'Made by the client, once per message: sending again with the same one is safe' }),
    text: MessageText.optional().meta({ description: 'Not needed with attachments or forwardOf' }),
    attachments: Attachments.optional().meta({ description: 'Uploads of your own that are ready' }),
    replyTo: Id.optional().meta({ description: 'A message of the same conversation' }),
    forwardOf: Id.optional().meta({ description: 'A message that you see, of any conversation: this one says the same' }),
    mentions: Mentions.optional().meta({ description: 'Members who are named in the text; none overlaps another' }),
  })
  .refine(({ text, forwardOf, attachments }) => [text, forwardOf, attachments].some((given) => given !== undefined), {
    path: ['text'],
    message: 'needs a text, or attachments',
  })
  .refine(({ forwardOf, attachments }) => forwardOf === undefined || attachments === undefined, {
    path: ['attachments'],
    message: 'a forward has those of what it passes on',
  })
export type SendMessage = z.infer<typeof SendMessage>

export const ConversationParams = z.strictObject({ conversationId: Id })
export const MessageParams = z.strictObject({ messageId: Id })

export const EditMessage = z.strictObject({
  text: MessageText,
  mentions: Mentions.optional().meta({ description: 'Without it those stay whose words are still at their place' }),
})
export type EditMessage = z.infer<typeof EditMessage>
export const ReactionParams = z.strictObject({ messageId: Id, emoji: Emoji })

export const DeleteMessage = z.strictObject({
  scope: z
    .enum(['me', 'all'], 'must be me or all: for yourself, or for everyone')
    .meta({ description: 'me = for yourself, on all of your devices; all = for everyone' }),
})

const Seq = z
  .string()
  .regex(/^\d{1,15}$/, 'a whole number')
  .transform(Number)

export const ListMessages = PageQuery.extend({
  beforeSeq: Seq.pipe(z.number().min(1)).optional(),
  afterSeq: Seq.optional().meta({ description: '0 = from the start' }),
  aroundSeq: Seq.pipe(z.number().min(1)).optional().meta({ description: 'The page has it in the middle; the cursor goes on forwards' }),
  changedSince: SinceQuery.optional().meta({
    description: 'A cursor of /sync: what was created, edited or deleted since, each page ascending by seq; a message may come twice',
  }),
}).refine(
  ({ cursor, beforeSeq, afterSeq, aroundSeq, changedSince }) =>
    [cursor, beforeSeq, afterSeq, aroundSeq, changedSince].filter((given) => given !== undefined).length <= 1,
  { message: 'one of cursor, beforeSeq, afterSeq, aroundSeq and changedSince' },
)
export type ListMessages = z.infer<typeof ListMessages>

const SystemEventView = z.object({
  event: z.enum(['member.added', 'member.removed', 'member.left', 'conversation.renamed']),
  userIds: z.array(Id).meta({ description: 'Whom it is about' }),
  name: z.string().optional().meta({ description: 'The new name' }),
})

const ReactionView = z.object({
  emoji: z.string(),
  count: z.int().positive(),
  userIds: z.array(Id).meta({ description: 'The first ten who chose it' }),
  mine: z.boolean().meta({ description: 'Whether the caller has chosen it' }),
})
export type ReactionView = z.infer<typeof ReactionView>

export const MessageView = z
  .object({
    id: Id,
    conversationId: Id,
    seq: z.int().positive().meta({ description: 'Its place in the conversation: contiguous from 1' }),
    senderId: Id,
    clientId: z.uuid(),
    type: z.enum(['user', 'system']),
    text: z
      .string()
      .nullable()
      .meta({ description: 'Null in a system message, and once it is deleted; empty where there are attachments alone' }),
    attachments: z.array(AttachmentView),
    replyTo: ReplyView.nullable(),
    forwardOf: ForwardView.nullable(),
    mentions: z.array(MentionView),
    system: SystemEventView.nullable().meta({ description: 'What a message of the conversation’s own says; it has no text' }),
    reactions: z
      .array(ReactionView)
      .meta({ description: 'In the order in which they were first chosen; absent in the message of an event' }),
    reactionsVersion: z
      .int()
      .meta({ description: 'Rises with each change of the reactions: a `reaction.*` event of one that is not higher is in here already' }),
    version: z.int().positive(),
    createdAt: z.iso.datetime(),
    editedAt: z.iso.datetime().nullable(),
    deletedAt: z.iso.datetime().nullable(),
    disappearsAt: z.iso.datetime().nullable().meta({ description: 'When it will be deleted for everyone by itself; up to a minute later' }),
  })
  .meta({ id: 'Message' })
export type MessageView = z.infer<typeof MessageView>

export const MessagePage = pageOf(MessageView)

export const FormerTextView = z
  .object({
    version: z.int().positive().meta({ description: 'Which version of the message said this' }),
    text: z.string(),
    mentions: z.array(MentionView),
    at: z.iso.datetime().meta({ description: 'When it was written' }),
  })
  .meta({ id: 'FormerText' })
export type FormerTextView = z.infer<typeof FormerTextView>

export const MessageHistory = pageOf(FormerTextView)
