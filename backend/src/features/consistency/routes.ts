import { endpoint } from '../../http/endpoint.js'
import { byCaller } from '../admin/index.js'
import { ConversationParams } from '../conversations/index.js'
import { CheckConversation, ConversationCheck } from './schema.js'
import { viewCheck } from './view.js'

export const checkConversation = endpoint({
  method: 'post',
  path: '/admin/conversations/:conversationId/check',
  summary: 'What a conversation derives from its messages, recomputed: every difference, and, if asked, mended',
  access: 'admin',
  limit: 'api',
  request: { params: ConversationParams, body: CheckConversation },
  responses: { 200: ConversationCheck },
  async handler({ context, caller, params, body, origin }) {
    const check = await context.consistency.check(params.conversationId, body, byCaller(caller, origin))
    return { status: 200, body: viewCheck(check) }
  },
})
