import { endpoint } from '../../http/endpoint.js'
import { InvitePage, InviteParams, InviteView, ListInvites, MakeInvite } from './invite-schema.js'
import { viewInvite } from './invite-view.js'
import { ConversationParams, ConversationView } from './schema.js'

export const makeInvite = endpoint({
  method: 'post',
  path: '/conversations/:conversationId/invites',
  summary: 'Make a link that leads into a group',
  access: 'user',
  limit: 'api',
  idempotent: 'answer',
  request: { params: ConversationParams, body: MakeInvite },
  responses: { 201: InviteView },
  async handler({ context, caller, params, body, newId }) {
    const invite = await context.invites.make(caller, params.conversationId, body, newId)
    return { status: 201, body: viewInvite(invite, context.config.frontendUrl) }
  },
})

export const listInvites = endpoint({
  method: 'get',
  path: '/conversations/:conversationId/invites',
  summary: 'The invites of a group that have not expired, the newest first',
  access: 'user',
  limit: 'api',
  request: { params: ConversationParams, query: ListInvites },
  responses: { 200: InvitePage },
  async handler({ context, caller, params, query }) {
    const { items, nextCursor } = await context.invites.list(caller, params.conversationId, query)
    return { status: 200, body: { items: items.map((invite) => viewInvite(invite, context.config.frontendUrl)), nextCursor } }
  },
})

export const acceptInvite = endpoint({
  method: 'post',
  path: '/invites/:code/accept',
  summary: 'Come into a group by an invite; who is a member already uses nothing',
  access: 'user',
  limit: 'invites',
  request: { params: InviteParams },
  responses: { 200: ConversationView },
  async handler({ context, caller, params }) {
    const conversation = await context.invites.accept(caller, params.code)
    return { status: 200, body: await context.conversationViews.one(conversation, caller.userId) }
  },
})

export const revokeInvite = endpoint({
  method: 'delete',
  path: '/invites/:code',
  summary: 'Revoke an invite',
  access: 'user',
  limit: 'api',
  request: { params: InviteParams },
  responses: { 204: null },
  async handler({ context, caller, params }) {
    await context.invites.revoke(caller, params.code)
    return { status: 204 }
  },
})
