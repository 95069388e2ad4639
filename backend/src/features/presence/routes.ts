import { endpoint } from '../../http/endpoint.js'
import { ConversationParams } from '../conversations/index.js'
import { SayTyping } from './schema.js'

export const sayTyping = endpoint({
  method: 'post',
  path: '/conversations/:conversationId/typing',
  summary: 'Say that you are typing, every 3 s while you are, or that you have stopped',
  access: 'user',
  limit: 'api',
  request: { params: ConversationParams, body: SayTyping },
  responses: { 204: null },
  async handler({ context, caller, params, body }) {
    await context.typing.say(caller, params.conversationId, body.typing)
    return { status: 204 }
  },
})
