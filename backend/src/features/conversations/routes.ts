import { endpoint } from '../../http/endpoint.js'
import {
  ConversationPage,
  ConversationParams,
  ConversationView,
  CreateConversation,
  EditConversation,
  ListConversations,
} from './schema.js'

export const createConversation = endpoint({
  method: 'post',
  path: '/conversations',
  summary: 'Begin a direct conversation or a group',
  access: 'user',
  limit: 'api',
  idempotent: 'answer',
  request: { body: CreateConversation },
  responses: { 201: ConversationView, 200: ConversationView },
  async handler({ context, caller, body, newId }) {
    const { conversation, created } = await context.conversations.create(caller, body, newId)
    return { status: created ? 201 : 200, body: await context.conversationViews.one(conversation, caller.userId) }
  },
})

export const listConversations = endpoint({
  method: 'get',
  path: '/conversations',
  summary: 'Your conversations, the pinned ones before, newest activity first',
  access: 'user',
  limit: 'api',
  request: { query: ListConversations },
  responses: { 200: ConversationPage },
  async handler({ context, caller, query }) {
    const { items, nextCursor } = await context.conversationList.read(caller, query)
    return { status: 200, body: { items: await context.conversationViews.of(items, caller.userId), nextCursor } }
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
    const conversation = await context.conversations.get(caller, params.conversationId)
    return { status: 200, body: await context.conversationViews.one(conversation, caller.userId) }
  },
})

export const editConversation = endpoint({
  method: 'patch',
  path: '/conversations/:conversationId',
  summary: 'Change the name, description and settings of a group',
  access: 'user',
  limit: 'api',
  request: { params: ConversationParams, body: EditConversation },
  responses: { 200: ConversationView },
  async handler({ context, caller, params, body }) {
    const conversation = await context.conversations.edit(caller, params.conversationId, body)
    return { status: 200, body: await context.conversationViews.one(conversation, caller.userId) }
  },
})

export const deleteConversation = endpoint({
  method: 'delete',
  path: '/conversations/:conversationId',
  summary: 'Delete a group, for all; or take a direct conversation off your list until the next message',
  access: 'user',
  limit: 'api',
  request: { params: ConversationParams },
  responses: { 204: null },
  async handler({ context, caller, params }) {
    await context.conversations.delete(caller, params.conversationId)
    return { status: 204 }
  },
})
