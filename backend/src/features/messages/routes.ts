import { endpoint } from '../../http/endpoint.js'
import {
  ConversationParams,
  DeleteMessage,
  EditMessage,
  ListMessages,
  MessageHistory,
  MessagePage,
  MessageParams,
  MessageView,
  SendMessage,
} from './schema.js'
import { viewFormerText, viewMessage } from './view.js'

export const sendMessage = endpoint({
  method: 'post',
  path: '/conversations/:conversationId/messages',
  summary: 'Send a message',
  access: 'user',
  limit: 'messages',
  request: { params: ConversationParams, body: SendMessage },
  responses: { 201: MessageView, 200: MessageView },
  async handler({ context, caller, params, body }) {
    const { message, created } = await context.messages.send(caller, params.conversationId, body)
    return { status: created ? 201 : 200, body: viewMessage(message, caller.userId, await context.messages.quotesOf(caller, [message])) }
  },
})

export const listMessages = endpoint({
  method: 'get',
  path: '/conversations/:conversationId/messages',
  summary: 'Messages of a conversation, ascending by seq; the newest unless asked otherwise',
  access: 'user',
  limit: 'api',
  request: { params: ConversationParams, query: ListMessages },
  responses: { 200: MessagePage },
  async handler({ context, caller, params, query }) {
    const { items, nextCursor } = await context.messages.list(caller, params.conversationId, query)
    const quotes = await context.messages.quotesOf(caller, items)
    return { status: 200, body: { items: items.map((message) => viewMessage(message, caller.userId, quotes)), nextCursor } }
  },
})

export const getMessage = endpoint({
  method: 'get',
  path: '/messages/:messageId',
  summary: 'One message',
  access: 'user',
  limit: 'api',
  request: { params: MessageParams },
  responses: { 200: MessageView },
  async handler({ context, caller, params }) {
    const message = await context.messages.get(caller, params.messageId)
    return { status: 200, body: viewMessage(message, caller.userId, await context.messages.quotesOf(caller, [message])) }
  },
})

export const getMessageHistory = endpoint({
  method: 'get',
  path: '/messages/:messageId/history',
  summary: 'What a message said before its edits, oldest first: the newest 50; nothing of a deleted one',
  access: 'user',
  limit: 'api',
  request: { params: MessageParams },
  responses: { 200: MessageHistory },
  async handler({ context, caller, params }) {
    const items = await context.messages.history(caller, params.messageId)
    return { status: 200, body: { items: items.map(viewFormerText), nextCursor: null } }
  },
})

export const editMessage = endpoint({
  method: 'patch',
  path: '/messages/:messageId',
  summary: 'Edit a message of your own, within 24 hours',
  access: 'user',
  limit: 'messages',
  request: { params: MessageParams, body: EditMessage },
  responses: { 200: MessageView },
  async handler({ context, caller, params, body }) {
    const message = await context.messages.edit(caller, params.messageId, body)
    return { status: 200, body: viewMessage(message, caller.userId, await context.messages.quotesOf(caller, [message])) }
  },
})

export const deleteMessage = endpoint({
  method: 'delete',
  path: '/messages/:messageId',
  summary: 'Delete a message: for yourself any, for everyone your own, or anyone’s in a group that you run',
  access: 'user',
  limit: 'api',
  request: { params: MessageParams, query: DeleteMessage },
  responses: { 200: MessageView },
  async handler({ context, caller, params, query }) {
    const { messages } = context
    const deleting = query.scope === 'all' ? messages.delete(caller, params.messageId) : messages.deleteForMe(caller, params.messageId)
    return { status: 200, body: viewMessage(await deleting, caller.userId) }
  },
})
