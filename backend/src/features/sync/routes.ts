import { endpoint } from '../../http/endpoint.js'
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
    const items = await context.conversationViews.of(changes.items, caller.userId)
    return { status: 200, body: { ...changes, items } }
  },
})
