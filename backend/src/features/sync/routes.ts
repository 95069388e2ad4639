import { endpoint } from '../../http/endpoint.js'
import { viewConversation } from '../conversations/index.js'
import { SyncPage, SyncQuery } from './schema.js'

export const sync = endpoint({
  method: 'get',
  path: '/sync',
  summary: 'What has changed for you since: after a reset, or a long time away',
  access: 'user',
  limit: 'api',
  request: { query: SyncQuery },
  responses: { 200: SyncPage },
  async handler({ context, caller, query }) {
    const changes = await context.sync.changes(caller, query)
    const watermarksOf = await context.receipts.shownIn(changes.items, caller.userId)
    const items = changes.items.map((conversation) => viewConversation(conversation, caller.userId, watermarksOf))
    return { status: 200, body: { ...changes, items } }
  },
})
