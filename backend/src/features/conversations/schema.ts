import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { PageQuery, pageOf } from '../../http/page.js'
import { DisplayName } from '../../http/text.js'

const mostMembers = 1024

export const ConversationParams = z.strictObject({ conversationId: Id })
export const ListConversations = PageQuery

export const CreateConversation = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('direct'), userId: Id }),
  z.strictObject({
    type: z.literal('group'),
    name: DisplayName,
    memberIds: z
      .array(Id)
      .min(1)
      .max(mostMembers - 1, `a group has at most ${mostMembers} members, with oneself`)
      .refine((ids) => new Set(ids).size === ids.length, 'the same person twice'),
  }),
])
export type CreateConversation = z.infer<typeof CreateConversation>

const RoleName = z.enum(['owner', 'admin', 'member'])

export const MemberView = z
  .object({
    userId: Id,
    conversationId: Id,
    role: RoleName,
    joinedAt: z.iso.datetime(),
  })
  .meta({ id: 'Member' })
export type MemberView = z.infer<typeof MemberView>

export const ConversationView = z
  .object({
    id: Id,
    type: z.enum(['direct', 'group']),
    name: z.string().nullable(),
    memberCount: z.int().positive(),
    members: z.array(MemberView).meta({ description: 'All of a direct conversation, the first 20 of a group' }),
    lastSeq: z.int().min(0),
    lastMessageAt: z.iso.datetime().meta({ description: 'The time of creation while there is no message' }),
    my: z.object({ role: RoleName, joinedAt: z.iso.datetime(), joinedSeq: z.int().min(0) }),
    createdAt: z.iso.datetime(),
    version: z.int().positive(),
  })
  .meta({ id: 'Conversation' })
export type ConversationView = z.infer<typeof ConversationView>

export const ConversationPage = pageOf(ConversationView)
