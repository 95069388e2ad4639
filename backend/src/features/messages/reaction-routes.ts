import { endpoint } from '../../http/endpoint.js'
import { MessageView, ReactionParams } from './schema.js'
import { viewMessage } from './view.js'

export const addReaction = endpoint({
  method: 'put',
  path: '/messages/:messageId/reactions/:emoji',
  summary: 'React to a message with an emoji; again changes nothing',
  access: 'user',
  limit: 'messages',
  request: { params: ReactionParams },
  responses: { 200: MessageView },
  async handler({ context, caller, params }) {
    const message = await context.reactions.add(caller, params.messageId, params.emoji)
    return { status: 200, body: viewMessage(message, caller.userId, await context.messages.quotesOf(caller, [message])) }
  },
})

export const removeReaction = endpoint({
  method: 'delete',
  path: '/messages/:messageId/reactions/:emoji',
  summary: 'Take a reaction of your own back',
  access: 'user',
  limit: 'messages',
  request: { params: ReactionParams },
  responses: { 200: MessageView },
  async handler({ context, caller, params }) {
    const message = await context.reactions.remove(caller, params.messageId, params.emoji)
    return { status: 200, body: viewMessage(message, caller.userId, await context.messages.quotesOf(caller, [message])) }
  },
})
