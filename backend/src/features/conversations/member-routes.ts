import { endpoint } from '../../http/endpoint.js'
import type { Member } from './model.js'
import { AddedMembers, AddMembers, ChangeRole, ConversationParams, ListMembers, MemberPage, MemberParams, MemberView } from './schema.js'
import { viewMember } from './view.js'

const idsOf = (members: readonly Member[]) => members.map(({ userId }) => userId)

export const listMembers = endpoint({
  method: 'get',
  path: '/conversations/:conversationId/members',
  summary: 'The members of a conversation, the longest-standing first',
  access: 'user',
  limit: 'api',
  request: { params: ConversationParams, query: ListMembers },
  responses: { 200: MemberPage },
  async handler({ context, caller, params, query }) {
    const { conversation, items, nextCursor } = await context.members.list(caller, params.conversationId, query)
    const watermarksOf = await context.receipts.among(conversation, idsOf(items))
    return {
      status: 200,
      body: { items: items.map((member) => viewMember(conversation, member, watermarksOf, caller.userId)), nextCursor },
    }
  },
})

export const addMembers = endpoint({
  method: 'post',
  path: '/conversations/:conversationId/members',
  summary: 'Add people to a group; who is a member already is passed over',
  access: 'user',
  limit: 'api',
  request: { params: ConversationParams, body: AddMembers },
  responses: { 200: AddedMembers },
  async handler({ context, caller, params, body }) {
    const { conversation, items } = await context.members.add(caller, params.conversationId, body.userIds)
    const watermarksOf = await context.receipts.among(conversation, idsOf(items))
    return { status: 200, body: { items: items.map((member) => viewMember(conversation, member, watermarksOf, caller.userId)) } }
  },
})

export const changeRole = endpoint({
  method: 'patch',
  path: '/conversations/:conversationId/members/:userId',
  summary: 'Give a member of a group another role; who makes somebody the owner becomes an admin',
  access: 'user',
  limit: 'api',
  request: { params: MemberParams, body: ChangeRole },
  responses: { 200: MemberView },
  async handler({ context, caller, params, body }) {
    const { conversation, member } = await context.members.changeRole(caller, params.conversationId, params.userId, body.role)
    const watermarksOf = await context.receipts.among(conversation, [member.userId])
    return { status: 200, body: viewMember(conversation, member, watermarksOf, caller.userId) }
  },
})

export const removeMember = endpoint({
  method: 'delete',
  path: '/conversations/:conversationId/members/:userId',
  summary: 'Send somebody away from a group',
  access: 'user',
  limit: 'api',
  request: { params: MemberParams },
  responses: { 204: null },
  async handler({ context, caller, params }) {
    await context.members.remove(caller, params.conversationId, params.userId)
    return { status: 204 }
  },
})

export const leaveConversation = endpoint({
  method: 'post',
  path: '/conversations/:conversationId/leave',
  summary: 'Leave a group; an owner leaves it to the longest-standing admin, else member',
  access: 'user',
  limit: 'api',
  request: { params: ConversationParams },
  responses: { 204: null },
  async handler({ context, caller, params }) {
    await context.members.leave(caller, params.conversationId)
    return { status: 204 }
  },
})
