import { endpoint } from '../../http/endpoint.js'
import { ConversationParams } from '../conversations/index.js'
import { MessageParams, MessageReceiptsView, SendReceipt } from './schema.js'
import { viewMessageReceipts } from './view.js'

export const sendReceipt = endpoint({
  method: 'post',
  path: '/conversations/:conversationId/receipts',
  summary: 'Say how far you have received and read; answered when it is stored',
  access: 'user',
  limit: 'api',
  request: { params: ConversationParams, body: SendReceipt },
  responses: { 204: null },
  async handler({ context, caller, params, body }) {
    await context.receipts.record(caller, params.conversationId, body)
    return { status: 204 }
  },
})

export const getMessageReceipts = endpoint({
  method: 'get',
  path: '/messages/:messageId/receipts',
  summary: 'Who has received and read a message, and when',
  access: 'user',
  limit: 'api',
  request: { params: MessageParams },
  responses: { 200: MessageReceiptsView },
  async handler({ context, caller, params }) {
    return { status: 200, body: viewMessageReceipts(await context.receipts.ofMessage(caller, params.messageId)) }
  },
})
