import { endpoint } from '../../http/endpoint.js'
import { actorOf } from './actor.js'
import { AuditPage, AuditQuery } from './schema.js'
import { viewAuditEntry } from './view.js'

export const readAudit = endpoint({
  method: 'get',
  path: '/admin/audit',
  summary: 'What was done that matters to safety, newest first',
  access: 'admin',
  scope: 'audit',
  limit: 'api',
  request: { query: AuditQuery },
  responses: { 200: AuditPage },
  async handler({ context, caller, origin, query }) {
    const { items, nextCursor } = await context.audit.list(query)
    await context.audit.record({ action: 'audit.read', outcome: 'done', actor: actorOf(caller), origin })
    return { status: 200, body: { items: items.map(viewAuditEntry), nextCursor } }
  },
})
