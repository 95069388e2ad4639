import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { PageQuery, pageOf } from '../../http/page.js'
import { DisplayName, multilineText } from '../../http/text.js'
import { MessageView, mostMentionsCounted } from '../messages/index.js'
import { histories, roles } from './model.js'

export const mostMembers = 1024
export const mostAdded = 100
const mostOfDescription = 1000

export const ConversationParams = z.strictObject({ conversationId: Id })
export const MemberParams = z.strictObject({ conversationId: Id, userId: Id })
export const ListConversations = PageQuery.extend({
  archived: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .default(false)
    .meta({ description: 'The archived ones, in place of the others' }),
})
export type ListConversations = z.infer<typeof ListConversations>
export const ListMembers = PageQuery

const isSet = (ids: readonly string[]): boolean => new Set(ids).size === ids.length

export const CreateConversation = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('direct'), userId: Id }),
  z.strictObject({
    type: z.literal('group'),
    name: DisplayName,
    memberIds: z
      .array(Id)
      .min(1)
      .max(mostMembers - 1, `a group has at most ${mostMembers} members, with oneself`)
      .refine(isSet, 'the same person twice'),
  }),
])
export type CreateConversation = z.infer<typeof CreateConversation>

const Description = multilineText(mostOfDescription)

const History = z.enum(histories).meta({ description: 'What newcomers see: all, or what is said from their joining on' })

/** A year at most. */
const DisappearAfterSeconds = z.int().min(60).max(31_536_000)

export const EditConversation = z
  .strictObject({
    name: DisplayName.optional(),
    description: Description.nullable().optional().meta({ description: 'null = none' }),
    avatarUploadId: Id.nullable().optional().meta({ description: 'An upload of your own that is ready; null = none' }),
    settings: z
      .strictObject({
        history: History.optional(),
        disappearAfterSeconds: DisappearAfterSeconds.nullable()
          .optional()
          .meta({ description: 'Of what is sent from now on; null = it stays. In a direct conversation either of the two may set it' }),
      })
      .optional(),
  })
  .refine(
    ({ settings = {}, ...others }) => Object.values({ ...others, ...settings }).some((given) => given !== undefined),
    'nothing to change',
  )
export type EditConversation = z.infer<typeof EditConversation>

export const OwnSettings = z
  .strictObject({
    archived: z.boolean().optional(),
    pinned: z.boolean().optional(),
    mutedUntil: z.iso
      .datetime()
      .transform((text) => new Date(text))
      .nullable()
      .optional()
      .meta({ description: 'null, and a time that is over = not muted' }),
  })
  .refine((given) => Object.values(given).some((value) => value !== undefined), 'nothing to change')
  .refine(({ archived, pinned }) => !(archived && pinned), { path: ['pinned'], message: 'what is archived is not pinned' })
export type OwnSettings = z.infer<typeof OwnSettings>

export const AddMembers = z.strictObject({ userIds: z.array(Id).min(1).max(mostAdded).refine(isSet, 'the same person twice') })

export const RoleName = z.enum(roles)
export const ChangeRole = z.strictObject({ role: RoleName })

/** They only rise, so of two that differ a client keeps the higher. */
const watermarks = { deliveredSeq: z.int().min(0), readSeq: z.int().min(0) }

export const MemberView = z
  .object({
    userId: Id,
    conversationId: Id,
    role: RoleName,
    joinedAt: z.iso.datetime(),
    ...watermarks,
  })
  .meta({ id: 'Member' })
export type MemberView = z.infer<typeof MemberView>

export const MemberPage = pageOf(MemberView)
export const AddedMembers = z.object({ items: z.array(MemberView).meta({ description: 'Who was none before' }) })

export const ConversationView = z
  .object({
    id: Id,
    type: z.enum(['direct', 'group']),
    name: z.string().nullable(),
    description: z.string().nullable(),
    avatarUploadId: Id.nullable(),
    memberCount: z.int().positive(),
    members: z.array(MemberView).meta({ description: 'All of a direct conversation, the first 20 of a group' }),
    lastSeq: z.int().min(0),
    lastMessage: MessageView.nullable().meta({
      description: 'The newest that is not deleted, for all or for you; not in events, where messages tell of themselves',
    }),
    lastMessageAt: z.iso.datetime().meta({ description: 'The time of creation while there is no message' }),
    mentionCount: z
      .int()
      .min(0)
      .max(mostMentionsCounted)
      .meta({ description: `Unread messages that mention you, ${mostMentionsCounted} at most; not in events` }),
    unreadCount: z.int().min(0).meta({ description: 'lastSeq less the higher of my.readSeq and my.joinedSeq' }),
    settings: z.object({
      history: History,
      disappearAfterSeconds: z.int().positive().nullable().meta({ description: 'null = messages stay' }),
    }),
    my: z.object({
      role: RoleName,
      joinedAt: z.iso.datetime(),
      joinedSeq: z.int().min(0),
      ...watermarks,
      archived: z.boolean().meta({ description: 'Until a message comes while it is not muted' }),
      pinned: z.boolean(),
      mutedUntil: z.iso.datetime().nullable().meta({ description: 'Null once it is over' }),
    }),
    createdAt: z.iso.datetime(),
    version: z.int().positive(),
  })
  .meta({ id: 'Conversation' })
export type ConversationView = z.infer<typeof ConversationView>
/**
 * What events say of a conversation. What is said in it, and who is mentioned, is told by its messages' own events alone, which leave the log
 * when a message is deleted.
 */
export type ToldConversation = Omit<ConversationView, 'lastMessage' | 'mentionCount'>

export const ConversationPage = pageOf(ConversationView)
