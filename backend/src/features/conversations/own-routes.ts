import { endpoint } from '../../http/endpoint.js'
import { ConversationParams, ConversationView, OwnSettings } from './schema.js'

export const changeOwnSettings = endpoint({
  method: 'put',
  path: '/conversations/:conversationId/settings',
  summary: 'Archive, pin or mute a conversation, for yourself; what is not given stays',
  access: 'user',
  limit: 'api',
  request: { params: ConversationParams, body: OwnSettings },
  responses: { 200: ConversationView },
  async handler({ context, caller, params, body }) {
    const conversation = await context.ownSettings.set(caller, params.conversationId, body)
    return { status: 200, body: await context.conversationViews.one(conversation, caller.userId) }
  },
})
