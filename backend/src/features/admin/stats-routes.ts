import { endpoint } from '../../http/endpoint.js'
import { byCaller } from './by.js'
import { Stats } from './schema.js'

export const getStats = endpoint({
  method: 'get',
  path: '/admin/stats',
  summary: 'How much there is, and how the worker does that answers',
  access: 'admin',
  limit: 'api',
  request: {},
  responses: { 200: Stats },
  async handler({ context, caller, origin }) {
    const stats = await context.stats.read()
    await context.audit.record({ action: 'stats.read', outcome: 'done', ...byCaller(caller, origin) })
    return { status: 200, body: stats }
  },
})
