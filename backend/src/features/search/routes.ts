import { endpoint } from '../../http/endpoint.js'
import { MessagePage, viewMessage } from '../messages/index.js'
import { SearchMessages } from './schema.js'

export const searchMessages = endpoint({
  method: 'get',
  path: '/messages/search',
  summary:
    'Messages of your conversations that say something, newest first; a page may be short, or empty, and not the last: nextCursor tells',
  access: 'user',
  limit: 'search',
  request: { query: SearchMessages },
  responses: { 200: MessagePage },
  async handler({ context, caller, query }) {
    const { items, nextCursor, quotes } = await context.search.find(caller, query)
    return { status: 200, body: { items: items.map((message) => viewMessage(message, caller.userId, quotes)), nextCursor } }
  },
})
