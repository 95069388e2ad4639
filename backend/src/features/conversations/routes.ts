import { endpoint } from '../../http/endpoint.js'
import { ConversationPage, ConversationParams, ConversationView, CreateConversation, ListConversations } from './schema.js'
import { viewConversation } from './view.js'

export const createConversation = endpoint({
  method: 'post',
  path: '/conversations',
  summary: 'Begin a direct conversation or a group',
  access: 'user',
  limit: 'api',
  request: { body: CreateConversation },
  responses: { 201: ConversationView, 200: ConversationView },
  async handler({ context, caller, body }) {
    const { conversation, created } = await context.conversations.create(caller, body)
    return { status: created ? 201 : 200, body: viewConversation(conversation, caller.userId) }
  },
})

export const listConversations = endpoint({
  method: 'get',
  path: '/conversations',
  summary: 'Your conversations, newest activity first',
  access: 'user',
  limit: 'api',
  request: { query: ListConversations },
  responses: { 200: ConversationPage },
  async handler({ context, caller, query }) {
    const { items, nextCursor } = await context.conversations.list(caller, query)
    return { status: 200, body: { items: items.map((conversation) => viewConversation(conversation, caller.userId)), nextCursor } }
  },
})

export const getConversation = endpoint({
  method: 'get',
  path: '/conversations/:conversationId',
  summary: 'One of your conversations',
  access: 'user',
  limit: 'api',
  request: { params: ConversationParams },
  responses: { 200: ConversationView },
  async handler({ context, caller, params }) {
    return { status: 200, body: viewConversation(await context.conversations.get(caller, params.conversationId), caller.userId) }
  },
})
